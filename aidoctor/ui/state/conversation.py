"""The conversation that a page shows.

`past` is what was read when the page was opened, `turns` what has been said since: a question
then costs one small delta, however long the conversation is. The text of an answer that began on
this page is read from its own route and never sent through the state.
"""

from __future__ import annotations

import asyncio
import secrets

import reflex as rx
from reflex.event import EventSpec

from aidoctor.errors import AIDoctorError, NotFound
from aidoctor.practice import practice
from aidoctor.ui.reading import context_used, read, read_turn, turn_view
from aidoctor.ui.state.history import History
from aidoctor.ui.views import LastMessage, TurnView

WINDOW = 60
"""Turns that are shown at first; earlier ones come on request."""

EVERYTHING = 100_000
LONGEST_TITLE = 120


class Chat(rx.State):
    """One open conversation."""

    conversation_id: str = ""
    title: str = ""
    temporary: bool = False
    past: list[TurnView] = []
    turns: list[TurnView] = []
    has_earlier: bool = False
    answering: str = ""
    accepted: str = ""
    context_used: int = 0
    missing: bool = False
    naming: bool = False
    """The title is being written."""
    printing: bool = False
    error_what: str = ""
    error_fix: str = ""
    _window: int = WINDOW

    @rx.var
    def last_user(self) -> LastMessage:
        """What the person said last on the shown branch."""
        said = (view for view in reversed([*self.past, *self.turns]) if view.role == "user")
        return next((LastMessage(view.id, view.text) for view in said), LastMessage())

    @rx.event()
    async def open(self) -> None:
        """Show the conversation that the address names; an empty one at the root."""
        wanted = _conversation_in(self.router.url.path)
        if wanted and wanted == self.conversation_id and not self.missing:
            return
        self._clear()
        self._window = WINDOW
        if wanted:
            await self._show(wanted)

    @rx.event()
    async def refresh(self) -> None:
        """Read the shown conversation again, as after an import or a lost connection."""
        if self.conversation_id:
            await self._show(self.conversation_id)

    @rx.event()
    async def send(
        self, conversation_id: str, turn_id: str, text: str, attachment_ids: list[str]
    ) -> EventSpec | list[EventSpec] | None:
        """Keep what was said and let the model answer; the first message makes the address."""
        fresh = not conversation_id
        conversation_id = conversation_id or secrets.token_urlsafe(12)
        try:
            exchange = await practice().consultation.ask(
                conversation_id, turn_id, text, attachment_ids, temporary=self.temporary
            )
        except AIDoctorError as error:
            self._say(error)
            return None
        self._say(None)
        self.accepted = exchange.user.id
        if conversation_id == self.conversation_id or fresh:
            self.conversation_id = exchange.user.conversation_id
            self.answering = exchange.answer.id
            self.turns = [
                *self.turns,
                turn_view(exchange.user),
                turn_view(exchange.answer, live=True),
            ]
        if fresh:
            self.title = (await asyncio.to_thread(read, self.conversation_id, 1)).title
            return [rx.redirect(f"/c/{self.conversation_id}", replace=True), History.load]
        return History.load

    @rx.event()
    async def stop(self, turn_id: str) -> None:
        """Stop the answer; its text so far stays."""
        await practice().consultation.stop(turn_id)

    @rx.event()
    async def answered(self, turn_id: str) -> EventSpec:
        """Take in how an answer ended."""
        turn, view = await asyncio.to_thread(read_turn, turn_id)
        self.past = _replaced(self.past, view)
        self.turns = _replaced(self.turns, view)
        if self.answering == turn_id:
            self.answering = ""
        self.context_used = context_used(turn)
        return History.load

    @rx.event()
    async def regenerate(self, turn_id: str) -> None:
        """Ask the same again; the earlier answer stays as a branch."""
        await self._branch_off(practice().consultation.regenerate(turn_id))

    @rx.event()
    async def edit(self, turn_id: str, new_turn_id: str, text: str) -> None:
        """Say it differently; what was said before stays as a branch."""
        await self._branch_off(practice().consultation.edit(turn_id, new_turn_id, text))

    @rx.event()
    async def go_on(self, turn_id: str) -> None:
        """Let a broken or cut answer go on."""
        await self._branch_off(practice().consultation.go_on(turn_id))

    @rx.event()
    async def show_branch(self, turn_id: str) -> None:
        """Show the branch through a sibling."""
        await asyncio.to_thread(lambda: practice().records.with_turn(turn_id).select(turn_id))
        await self._show(self.conversation_id)

    @rx.event()
    async def show_earlier(self) -> None:
        """Show more of a long conversation."""
        self._window += 2 * WINDOW
        await self._show(self.conversation_id)

    @rx.event()
    def set_temporary(self, temporary: bool) -> None:
        """Choose, before the first message, that nothing of this conversation is stored."""
        if not self.conversation_id:
            self.temporary = temporary

    @rx.event()
    def name(self, naming: bool) -> None:
        """Let the title be written in its place, or end that."""
        self.naming = naming

    @rx.event()
    async def rename(self, conversation_id: str, title: str) -> EventSpec:
        """Give a conversation a title of the person's own; an empty one changes nothing."""
        self.naming = False
        title = " ".join(title.split())[:LONGEST_TITLE]
        if title:
            try:
                store = practice().records.of(conversation_id)
                await asyncio.to_thread(store.rename, conversation_id, title)
            except AIDoctorError as error:
                self._say(error)
            else:
                self.title = title if conversation_id == self.conversation_id else self.title
        return History.named

    @rx.event()
    async def print_all(self) -> None:
        """Show the whole conversation, then let the browser print it."""
        if self.has_earlier:
            self._window = EVERYTHING
            await self._show(self.conversation_id)
        self.printing = True

    @rx.event()
    def printed(self) -> None:
        """The browser has taken the page."""
        self.printing = False

    async def _branch_off(self, begun: object) -> None:
        try:
            await begun  # type: ignore[misc]
        except AIDoctorError as error:
            self._say(error)
        await self._show(self.conversation_id)

    async def _show(self, conversation_id: str) -> None:
        try:
            shown = await asyncio.to_thread(read, conversation_id, self._window)
        except NotFound:
            self.missing = True
            return
        self.conversation_id = conversation_id
        self.missing = False
        self.title, self.temporary, self.has_earlier = (
            shown.title,
            shown.temporary,
            shown.has_earlier,
        )
        self.past, self.turns = shown.past, shown.running
        self.answering = practice().consultation.answering(conversation_id)
        self.context_used = shown.context_used

    def _clear(self) -> None:
        self.conversation_id = self.title = self.answering = self.accepted = ""
        self.past, self.turns = [], []
        self.temporary = self.has_earlier = self.missing = self.naming = self.printing = False
        self.context_used = 0
        self._say(None)

    def _say(self, error: AIDoctorError | None) -> None:
        self.error_what, self.error_fix = (error.what, error.fix) if error else ("", "")


def _conversation_in(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) == 2 and parts[0] == "c" else ""


def _replaced(views: list[TurnView], view: TurnView) -> list[TurnView]:
    return [view if old.id == view.id else old for old in views]
