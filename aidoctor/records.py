"""Where conversations are: on disk, or in memory for those that are never to be stored."""

from __future__ import annotations

from dataclasses import dataclass

from aidoctor.errors import NotFound
from aidoctor.store import Store


@dataclass(frozen=True, slots=True)
class Records:
    """The two stores behind one question: which of them holds a conversation or a turn."""

    kept: Store
    temporary: Store

    def of(self, conversation_id: str) -> Store:
        """The store of a conversation; the one on disk for those that do not exist yet."""
        try:
            self.temporary.conversation(conversation_id)
        except NotFound:
            return self.kept
        return self.temporary

    def with_turn(self, turn_id: str) -> Store:
        """The store that holds a turn. Raises `NotFound`."""
        try:
            self.temporary.turn(turn_id)
        except NotFound:
            self.kept.turn(turn_id)
            return self.kept
        return self.temporary

    def close(self) -> None:
        """Close both; what was temporary is gone."""
        self.kept.close()
        self.temporary.close()
