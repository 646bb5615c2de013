"""Where conversations are: on disk, or in memory for those that are never to be stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from aidoctor.errors import NotFound
from aidoctor.store import Store


@dataclass(frozen=True, slots=True)
class Records:
    """The two stores behind one question: which of them holds a conversation or a turn."""

    kept: Store
    temporary: Store
    _unkept: set[str] = field(default_factory=set)

    def create(self, conversation_id: str, *, temporary: bool) -> Store:
        """Make a conversation where it belongs and return the store that holds it."""
        store = self.temporary if temporary else self.kept
        store.create(conversation_id=conversation_id, temporary=temporary)
        if temporary:
            self._unkept.add(conversation_id)
        return store

    def of(self, conversation_id: str) -> Store:
        """The store of a conversation; the one on disk for those that do not exist yet."""
        return self.temporary if conversation_id in self._unkept else self.kept

    def with_turn(self, turn_id: str) -> Store:
        """The store that holds a turn. Raises `NotFound`."""
        try:
            self.kept.turn(turn_id)
        except NotFound:
            self.temporary.turn(turn_id)
            return self.temporary
        return self.kept

    def close(self) -> None:
        """Close both; what was temporary is gone."""
        self.kept.close()
        self.temporary.close()
