"""The use case: a person says something, it is kept, the model is asked, the answer is kept.

A user turn is committed before the engine is called. An answer belongs to this process, not to a
page: it goes on when the page is closed, is saved at least once a second, and every way to end it
(done, stopped, failed, shut down) passes through the same few lines.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from aidoctor.answer import Answer
from aidoctor.domain import Role, Turn, TurnStatus
from aidoctor.engines import Engines
from aidoctor.errors import AnswerRunning, NotFound, TurnRefused
from aidoctor.records import Records
from aidoctor.scribe import Scribe
from aidoctor.settings import Settings
from aidoctor.store import Store

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question as it was stored and the answer that has begun."""

    user: Turn
    answer: Turn


class Consultation:
    """Asks, and owns the answers in progress."""

    def __init__(self, settings: Settings, records: Records, engines: Engines) -> None:
        self._records = records
        self._scribe = Scribe(settings, engines)
        self._answers: dict[str, Answer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(
        self,
        conversation_id: str,
        turn_id: str,
        text: str,
        attachment_ids: Sequence[str] = (),
        *,
        temporary: bool = False,
    ) -> Exchange:
        """Keep what the person says, then let the model answer.

        Creates the conversation where it does not exist. A turn that is sent again is not kept
        twice: it is answered again. Raises `AnswerRunning` while this conversation is being
        answered and a `StoreError` when the turn cannot be kept; after this returns, the user
        turn is on disk.
        """
        answer = self._reserve(conversation_id)
        keep = partial(self._keep, answer, turn_id, text, attachment_ids, temporary)
        user, store = await self._holding(answer, keep)
        answer.conversation_id = user.conversation_id
        return Exchange(user, self._start(answer, user, store))

    async def edit(self, turn_id: str, new_turn_id: str, text: str) -> Exchange:
        """Say a user turn differently, on a branch of its own with the same pictures."""
        store = await asyncio.to_thread(self._records.with_turn, turn_id)
        old = await asyncio.to_thread(store.turn, turn_id)
        answer = self._reserve(old.conversation_id)
        new = _user_turn(old.conversation_id, new_turn_id, text, old.parent_id)
        ids = [attachment.id for attachment in old.attachments]
        begin = partial(store.begin, new, _answer_turn(answer, new), ids)
        user = await self._holding(answer, begin)
        return Exchange(user, self._start(answer, user, store))

    async def regenerate(self, turn_id: str) -> Turn:
        """Answer again the user turn that `turn_id` is or answers; the earlier answer stays."""
        store = await asyncio.to_thread(self._records.with_turn, turn_id)
        user = await asyncio.to_thread(store.turn, turn_id)
        if user.role is Role.ASSISTANT:
            user = await asyncio.to_thread(store.turn, user.parent_id or "")
        answer = self._reserve(user.conversation_id)
        await self._holding(answer, partial(store.add, _answer_turn(answer, user)))
        return self._start(answer, user, store)

    async def go_on(self, turn_id: str) -> Turn:
        """Let the model go on where a broken or cut answer stopped, in the same turn."""
        store = await asyncio.to_thread(self._records.with_turn, turn_id)
        turn = await asyncio.to_thread(store.turn, turn_id)
        user = await asyncio.to_thread(store.turn, turn.parent_id or "")
        answer = self._reserve(turn.conversation_id, turn)
        await self._holding(answer, partial(store.reopen, turn_id))
        return self._start(answer, user, store)

    async def stop(self, turn_id: str) -> None:
        """Stop an answer; returns when the engine has let go and the partial text is kept."""
        task = self._tasks.get(turn_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def answer(self, turn_id: str) -> Answer | None:
        """The answer with this turn id, while it is being written."""
        return self._answers.get(turn_id)

    def answering(self, conversation_id: str) -> str:
        """The turn id of the answer in progress in a conversation, or an empty string."""
        running = (a for a in self._answers.values() if a.conversation_id == conversation_id)
        return next((a.turn_id for a in running), "")

    async def stop_all(self) -> None:
        """Stop every answer."""
        for turn_id in list(self._tasks):
            await self.stop(turn_id)

    async def aclose(self) -> None:
        """End every answer as interrupted and keep what it has."""
        self._scribe.closing = True
        await self.stop_all()

    def _reserve(self, conversation_id: str, turn: Turn | None = None) -> Answer:
        if self.answering(conversation_id):
            raise AnswerRunning
        turn_id = turn.id if turn else secrets.token_urlsafe(12)
        text, thought = (turn.text, turn.thought) if turn else ("", "")
        answer = Answer(turn_id, conversation_id, text, thought)
        self._answers[turn_id] = answer
        return answer

    def _release(self, answer: Answer) -> None:
        self._answers.pop(answer.turn_id, None)
        self._tasks.pop(answer.turn_id, None)

    async def _holding(self, answer: Answer, keep: Callable[[], Kept]) -> Kept:
        """Keep what opens `answer`, off the event loop; give its place back where that fails."""
        try:
            return await asyncio.to_thread(keep)
        except BaseException:
            self._release(answer)
            raise

    def _keep(
        self,
        answer: Answer,
        turn_id: str,
        text: str,
        attachment_ids: Sequence[str],
        temporary: bool,
    ) -> tuple[Turn, Store]:
        conversation_id = answer.conversation_id
        store = self._records.of(conversation_id)
        try:
            leaf = store.conversation(conversation_id).leaf_id
        except NotFound:
            store, leaf = self._records.create(conversation_id, temporary=temporary), None
        user = _user_turn(conversation_id, turn_id, text, leaf)
        try:
            return store.begin(user, _answer_turn(answer, user), attachment_ids), store
        except TurnRefused:  # sent again: its first sending was kept but not heard of
            store = self._records.with_turn(turn_id)
            user = store.turn(turn_id)
            store.add(_answer_turn(answer, user))
            return user, store

    def _start(self, answer: Answer, user: Turn, store: Store) -> Turn:
        async def write() -> None:
            try:
                await self._scribe.write(answer, user, store)
            finally:
                self._release(answer)

        self._tasks[answer.turn_id] = asyncio.create_task(write())
        return _answer_turn(answer, user)


def _user_turn(conversation_id: str, turn_id: str, text: str, parent_id: str | None) -> Turn:
    return Turn(
        id=turn_id,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=Role.USER,
        text=text,
        status=TurnStatus.COMPLETE,
        created_at=datetime.now(UTC),
    )


def _answer_turn(answer: Answer, user: Turn) -> Turn:
    return Turn(
        id=answer.turn_id,
        conversation_id=user.conversation_id,
        parent_id=user.id,
        role=Role.ASSISTANT,
        text=answer.text,
        status=TurnStatus.STREAMING,
        created_at=datetime.now(UTC),
        thought=answer.thought,
    )
