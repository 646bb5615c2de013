"""The list of conversations and what can be done with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import reflex as rx
from reflex.event import EventSpec

from aidoctor.domain import Conversation
from aidoctor.practice import practice

PAGE = 100
"""Conversations listed at once."""


@dataclass(frozen=True)
class Entry:
    """One line of the history."""

    id: str = ""
    title: str = ""
    when: str = ""
    """The heading it stands under; empty where it is that of the line before."""
    pinned: bool = False


class History(rx.State):
    """Conversations, newest first, those that are pinned before them."""

    entries: list[Entry] = []
    query: str = ""
    has_more: bool = False
    doubted: str = ""
    """The conversation that the person is asked about before it is deleted."""
    doubted_title: str = ""
    _limit: int = PAGE

    @rx.event()
    async def load(self) -> None:
        """Read the list again."""
        await self._read()

    @rx.event()
    async def search(self, query: str) -> None:
        """Show what matches in titles and text."""
        self.query = query
        await self._read()

    @rx.event()
    async def show_more(self) -> None:
        """Show more of a long list."""
        self._limit += PAGE
        await self._read()

    @rx.event()
    async def pin(self, conversation_id: str, pinned: bool) -> None:
        """Keep a conversation at the top."""
        await asyncio.to_thread(practice().records.kept.pin, conversation_id, pinned)
        await self._read()

    @rx.event()
    def doubt(self, conversation_id: str, title: str) -> None:
        """Ask before deleting; an empty id takes the question back."""
        self.doubted, self.doubted_title = conversation_id, title

    @rx.event()
    async def delete(self) -> EventSpec | None:
        """Delete the doubted conversation for good; whoever looks at it goes to a new one."""
        conversation_id, self.doubted = self.doubted, ""
        consultation = practice().consultation
        await consultation.stop(consultation.answering(conversation_id))
        store = practice().records.of(conversation_id)
        await asyncio.to_thread(store.delete, conversation_id)
        await self._read()
        shown = self.router.url.path.strip("/") == f"c/{conversation_id}"
        return rx.redirect("/", replace=True) if shown else None

    @rx.event()
    async def delete_all(self) -> EventSpec:
        """Delete every conversation for good."""
        await asyncio.to_thread(practice().records.kept.delete_all)
        await self._read()
        return rx.redirect("/", replace=True)

    async def _read(self) -> None:
        """Read the list; it is sent only where it has changed."""
        store = practice().records.kept
        found = await asyncio.to_thread(store.conversations, self.query, self._limit + 1)
        entries = _entries(found[: self._limit], datetime.now(UTC).astimezone())
        if entries != self.entries:
            self.entries = entries
        self.has_more = len(found) > self._limit


def _entries(conversations: list[Conversation], now: datetime) -> list[Entry]:
    entries: list[Entry] = []
    heading = ""
    for conversation in conversations:
        when = "Pinned" if conversation.pinned else _when(conversation.updated_at, now)
        shown = "" if when == heading else when
        heading = when
        entries.append(Entry(conversation.id, conversation.title, shown, conversation.pinned))
    return entries


def _when(at: datetime, now: datetime) -> str:
    days = (now.date() - at.astimezone(now.tzinfo).date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return "Last 7 days" if days < 7 else at.astimezone(now.tzinfo).strftime("%B %Y")
