"""The store: everything that is kept, in one place.

Synchronous and safe to use from several threads. A call that writes has its words on the disk
when it returns. Raises only `StoreError` and its leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from aidoctor.domain import (
    Attachment,
    CleanImage,
    Conversation,
    Provenance,
    Turn,
    TurnStatus,
)
from aidoctor.errors import StoreFull
from aidoctor.store import attachments, conversations, turns
from aidoctor.store.database import Database
from aidoctor.store.tables import AttachmentRow, PreferenceRow
from aidoctor.store.turns import insert


class Store:
    """Conversations, turns, pictures and preferences, on disk or in memory alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, data_dir: Path) -> Store:
        """The store of a folder, which is made where it is missing and private to its owner.

        Raises `StoreCorrupt`, `StoreTooNew`, `StoreReadOnly`, `StoreLocked` or `StoreFull`; a
        file that cannot be used is left as it is.
        """
        return cls(Database.open(data_dir))

    @classmethod
    def in_memory(cls) -> Store:
        """A store that behaves the same and ends with the process, for temporary conversations."""
        return cls(Database.memory())

    def close(self) -> None:
        """Let go of the file; every later call raises `StoreClosed`."""
        self._database.close()

    def create(
        self, *, conversation_id: str | None = None, title: str = "", temporary: bool = False
    ) -> Conversation:
        """A new conversation, or the one that has this id already.

        A temporary one is refused by a store on disk with `ValueError`.
        """
        if temporary and not self._database.in_memory:
            raise ValueError("a temporary conversation belongs into a store in memory")
        with self._database.writing() as session:
            made = conversations.create(session, conversation_id, title)
            return conversations.to_domain(made, temporary=self._database.in_memory)

    def take_in(
        self,
        conversation: Conversation,
        turns: Sequence[Turn],
        pictures: Mapping[str, CleanImage],
    ) -> Conversation:
        """Keep a whole conversation from elsewhere, with all its branches, or nothing of it.

        `turns` come parents first, under ids that are new here; `pictures` by attachment id.
        """
        with self._database.writing() as session:
            made = conversations.take_in(session, conversation)
            for turn in turns:
                row = insert(session, turn)
                for it in turn.attachments:
                    attachments.add(session, pictures[it.id], it.name, attachment_id=it.id)
                attachments.claim(session, row, [it.id for it in turn.attachments])
            return conversations.to_domain(made, temporary=self._database.in_memory)

    def conversation(self, conversation_id: str) -> Conversation:
        """One conversation, or `NotFound`."""
        with self._database.reading() as session:
            found = conversations.row(session, conversation_id)
            return conversations.to_domain(found, temporary=self._database.in_memory)

    def conversations(self, query: str = "", limit: int = 200) -> list[Conversation]:
        """Pinned first, then the newest; with a query those that hold all its words.

        A word matches by its beginning, in the title or in any turn that has ended.
        """
        with self._database.reading() as session:
            return [
                conversations.to_domain(row, temporary=self._database.in_memory)
                for row in conversations.listed(session, query, limit)
            ]

    def rename(self, conversation_id: str, title: str) -> None:
        """Give the title that the person chose."""
        with self._database.writing() as session:
            conversations.rename(session, conversation_id, title)

    def pin(self, conversation_id: str, pinned: bool) -> None:
        """Keep a conversation on top of the list, or no longer."""
        with self._database.writing() as session:
            conversations.pin(session, conversation_id, pinned)

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation so that no file holds a byte of it any more."""
        self._erase(lambda session: conversations.remove(session, conversation_id))

    def delete_all(self) -> None:
        """Delete all conversations and pictures in the same way; preferences stay."""
        self._erase(conversations.remove_all)

    def _erase(self, remove: Callable[[Session], None]) -> None:
        try:
            with self._database.writing() as session:
                remove(session)
        except StoreFull:
            self._database.empty_log()  # deleting is how people make room, so make some for it
            with self._database.writing() as session:
                remove(session)
        self._database.forget()

    def add(self, turn: Turn, attachment_ids: Sequence[str] = ()) -> Turn:
        """Save a turn with its pictures and show its branch.

        The first words of the person give the title. The same turn added again is returned as it
        is. Raises `NotFound` for an unknown conversation, parent or picture, and `TurnRefused`
        when the id is malformed or taken by another turn.
        """
        with self._database.writing() as session:
            return turns.add(session, turn, attachment_ids)

    def begin(self, user: Turn, answer: Turn, attachment_ids: Sequence[str] = ()) -> Turn:
        """Save a question and the answer that begins, in one commit; errors as in `add`."""
        with self._database.writing() as session:
            kept = turns.add(session, user, attachment_ids)
            turns.add(session, answer, ())
            return kept

    def turn(self, turn_id: str) -> Turn:
        """One turn, or `NotFound`."""
        with self._database.reading() as session:
            return turns.to_domain(session, [turns.row(session, turn_id)])[0]

    def turns(self, conversation_id: str) -> list[Turn]:
        """All turns of a conversation with all branches, in the order they were added."""
        with self._database.reading() as session:
            conversations.row(session, conversation_id)
            return turns.every(session, conversation_id)

    def branch(self, leaf_id: str, limit: int | None = None) -> list[Turn]:
        """The turns from the root to this one, or the last `limit` of them."""
        with self._database.reading() as session:
            return turns.branch(session, leaf_id, limit)

    def siblings(self, turn_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each turn the ids with the same parent and role, itself among them, in order."""
        with self._database.reading() as session:
            return turns.siblings(session, turn_ids)

    def select(self, turn_id: str) -> str:
        """Show the newest branch through this turn and return the id of its leaf."""
        with self._database.writing() as session:
            return turns.select_branch(session, turn_id)

    def save_partial(self, turn_id: str, text: str, thought: str) -> None:
        """Keep what has come of a running answer; one that has ended stays as it is."""
        with self._database.writing() as session:
            turns.save_partial(session, turn_id, text, thought)

    def finish(
        self,
        turn_id: str,
        *,
        text: str,
        thought: str,
        status: TurnStatus,
        provenance: Provenance | None,
        error: str = "",
    ) -> None:
        """Give an answer its last state; from now on it is found by search."""
        values = {
            "text": text,
            "thought": thought,
            "status": status.value,
            "provenance": asdict(provenance) if provenance else None,
            "error": error,
        }
        with self._database.writing() as session:
            turns.finish(session, turn_id, values)

    def reopen(self, turn_id: str) -> None:
        """Let an answer that had ended go on: it is running again and keeps its text."""
        with self._database.writing() as session:
            turns.finish(session, turn_id, {"status": TurnStatus.STREAMING.value, "error": ""})

    def interrupt_running(self) -> int:
        """At start: mark as interrupted what was running, and say how many."""
        with self._database.writing() as session:
            return turns.interrupt_running(session)

    def add_attachment(self, image: CleanImage, name: str) -> Attachment:
        """Keep a picture that no turn has yet."""
        with self._database.writing() as session:
            return attachments.to_domain(attachments.add(session, image, name))

    def attachment_view(self, attachment_id: str) -> bytes:
        """The WebP for the page, or `NotFound`."""
        with self._database.reading() as session:
            return attachments.content(session, attachment_id, AttachmentRow.view)

    def attachment_model(self, attachment_id: str) -> bytes:
        """The PNG or JPEG for the model, or `NotFound`."""
        with self._database.reading() as session:
            return attachments.content(session, attachment_id, AttachmentRow.model)

    def drop_attachment(self, attachment_id: str) -> None:
        """Delete a picture that no turn has, or `NotFound`."""
        with self._database.writing() as session:
            attachments.drop(session, attachment_id)
        self._database.empty_log()

    def sweep_unclaimed(self, older_than: timedelta) -> int:
        """Delete pictures that no turn took in this time, and say how many."""
        with self._database.writing() as session:
            swept = attachments.sweep(session, datetime.now(UTC) - older_than)
        if swept:
            self._database.empty_log()
        return swept

    def preference(self, name: str) -> str | None:
        """What the person chose under this name."""
        return self.preferences().get(name)

    def preferences(self) -> dict[str, str]:
        """Everything the person chose on the page."""
        with self._database.reading() as session:
            return {row.name: row.value for row in session.scalars(select(PreferenceRow))}

    def prefer(self, name: str, value: str | None) -> None:
        """Keep a choice, or take it back with None."""
        with self._database.writing() as session:
            saved = session.get(PreferenceRow, name)
            if saved is not None and value is None:
                session.delete(saved)
            elif saved is not None and value is not None:
                saved.value = value
            elif value is not None:
                session.add(PreferenceRow(name=name, value=value))
