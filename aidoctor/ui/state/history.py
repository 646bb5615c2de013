"""The list of conversations and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

import reflex as rx
from reflex.event import EventSpec

from aidoctor.domain import Conversation
from aidoctor.errors import AIDoctorError
from aidoctor.practice import practice

PAGE = 100
"""Conversations listed at once."""

WORD = "delete"
"""What must be typed before everything is deleted."""


@dataclass(frozen=True)
class Entry:
    """One line of the history."""

    id: str = ""
    title: str = ""
    pinned: bool = False


@dataclass(frozen=True)
class Group:
    """The lines under one heading, such as "Yesterday"."""

    when: str = ""
    listed: list[Entry] = field(default_factory=list)


class History(rx.State):
    """Conversations, newest first, those that are pinned before them."""

    groups: list[Group] = []
    query: str = ""
    has_more: bool = False
    naming: str = ""
    """The conversation whose title is being written."""
    doubted: str = ""
    """The conversation that the person is asked about before it is deleted."""
    doubted_title: str = ""
    wrong: str = ""
    """Why the history could not be read or changed."""
    _limit: int = PAGE

    @rx.var
    def pinned(self) -> list[str]:
        """The conversations that are kept at the top."""
        return [entry.id for group in self.groups for entry in group.listed if entry.pinned]

    @rx.event()
    async def load(self) -> None:
        """Read the list again."""
        await self._read()

    @rx.event()
    async def search(self, query: str) -> None:
        """Show what matches in titles and text."""
        self.query, self._limit = query, PAGE
        await self._read()

    @rx.event()
    async def show_more(self) -> None:
        """Show more of a long list."""
        self._limit += PAGE
        await self._read()

    @rx.event()
    async def pin(self, conversation_id: str, pinned: bool) -> None:
        """Keep a conversation at the top."""
        try:
            await asyncio.to_thread(practice().records.kept.pin, conversation_id, pinned)
        except AIDoctorError as error:
            self._say(error)
            return
        await self._read()

    @rx.event()
    def name(self, conversation_id: str) -> None:
        """Let the title of a conversation be written in its place."""
        self.naming = conversation_id

    @rx.event()
    async def named(self) -> None:
        """The title is written, or is to stay as it was."""
        self.naming = ""
        await self._read()

    @rx.event()
    def doubt(self, conversation_id: str, title: str) -> None:
        """Ask before deleting; an empty id takes the question back."""
        self.doubted, self.doubted_title = conversation_id, title

    @rx.event()
    async def delete(self, conversation_id: str) -> EventSpec | None:
        """Delete a conversation for good; whoever looks at it goes to a new one."""
        self.doubted = ""
        consultation = practice().consultation
        try:
            await consultation.stop(consultation.answering(conversation_id))
            store = practice().records.of(conversation_id)
            await asyncio.to_thread(store.delete, conversation_id)
        except AIDoctorError as error:
            self._say(error)
            return None
        await self._read()
        shown = self.router.url.path.strip("/") == f"c/{conversation_id}"
        return rx.redirect("/", replace=True) if shown else None

    @rx.event()
    async def delete_all(self, form: dict[str, str]) -> EventSpec | None:
        """Delete every conversation for good, once the word for it has been typed."""
        if form["word"].strip().lower() != WORD:
            return None
        records = practice().records
        await practice().consultation.stop_all()
        try:
            for store in (records.kept, records.temporary):
                await asyncio.to_thread(store.delete_all)
        except AIDoctorError as error:
            self._say(error)
            return None
        await self._read()
        return rx.redirect("/", replace=True)

    async def _read(self) -> None:
        """Read the list; it is sent only where it has changed."""
        store = practice().records.kept
        try:
            found = await asyncio.to_thread(store.conversations, self.query, self._limit + 1)
        except AIDoctorError as error:
            self._say(error)
            return
        groups = _groups(found[: self._limit], datetime.now(UTC).astimezone())
        if groups != self.groups:
            self.groups = groups
        self.has_more, self.wrong = len(found) > self._limit, ""

    def _say(self, error: AIDoctorError) -> None:
        self.wrong = f"{error.what} {error.fix}"


def _groups(conversations: Sequence[Conversation], now: datetime) -> list[Group]:
    def heading(conversation: Conversation) -> str:
        return "Pinned" if conversation.pinned else _when(conversation.updated_at, now)

    return [
        Group(when, [Entry(one.id, one.title, one.pinned) for one in listed])
        for when, listed in groupby(conversations, heading)
    ]


def _when(at: datetime, now: datetime) -> str:
    days = (now.date() - at.astimezone(now.tzinfo).date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return "Last 7 days" if days < 7 else at.astimezone(now.tzinfo).strftime("%B %Y")
