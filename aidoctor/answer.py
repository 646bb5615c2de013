"""A live assistant turn: what has been written so far, for any number of readers.

Positions count code points of the answer and of the thought, so that a reader who comes back
with the numbers it has gets exactly what it lacks, whoever wrote it: this process or the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from aidoctor.domain import Delta, Progress, Provenance, TurnStatus

GAP = 0.010
"""Seconds between two pieces to one reader. The first goes at once; what comes faster than this
travels together, which keeps the wire below three bytes for each byte of answer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text from the reader's position up to `upto`."""

    upto: int
    text: str
    kind: Literal["text", "thought"] = "text"


@dataclass(frozen=True, slots=True)
class Stage:
    """What happens before the first word, and for how many seconds it has."""

    progress: Progress
    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The reader is ahead of what was kept: it starts again at 0."""


@dataclass(frozen=True, slots=True)
class End:
    """The last event of every reading."""

    status: TurnStatus
    error: str = ""


AnswerEvent = Piece | Stage | Reset | End


class Answer:
    """What one running answer has so far; written by one task, read by many."""

    def __init__(
        self, turn_id: str, conversation_id: str, text: str = "", thought: str = ""
    ) -> None:
        self.turn_id = turn_id
        self.conversation_id = conversation_id
        self.text = text
        self.thought = thought
        self.progress: Progress | None = None
        self.provenance: Provenance | None = None
        self.end: End | None = None
        self._since = time.monotonic()
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """Code points so far, thought included: grows with every piece."""
        return len(self.text) + len(self.thought)

    def write(self, event: Delta | Progress) -> None:
        """Take in what the engine says."""
        if isinstance(event, Progress):
            if self.progress is None or self.progress.stage != event.stage:
                self._since = time.monotonic()
            self.progress = event
        elif event.kind == "text":
            self.text += event.text
        else:
            self.thought += event.text
        self._wake()

    def finish(self, end: End) -> None:
        """Say that nothing follows."""
        self.end = end
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, text: int = 0, thought: int = 0) -> AsyncGenerator[AnswerEvent, None]:
        """Read on from these positions until the `End`."""
        if text > len(self.text) or thought > len(self.thought):
            yield Reset()
            text = thought = 0
        told: Progress | None = None
        while True:
            changed = self._changed
            if self.progress is not told and not self.size:
                told = self.progress
                if told is not None:
                    yield Stage(told, time.monotonic() - self._since)
            sent = thought < len(self.thought) or text < len(self.text)
            if thought < len(self.thought):
                start, thought = thought, len(self.thought)
                yield Piece(thought, self.thought[start:thought], "thought")
            if text < len(self.text):
                start, text = text, len(self.text)
                yield Piece(text, self.text[start:text])
            if sent:
                await asyncio.sleep(GAP)
            elif self.end is not None:
                yield self.end
                return
            elif changed is self._changed:
                await changed.wait()


async def replay(
    text: str, thought: str, end: End, *, text_from: int = 0, thought_from: int = 0
) -> AsyncGenerator[AnswerEvent, None]:
    """Read a finished answer as if it were live, from these positions."""
    if text_from > len(text) or thought_from > len(thought):
        yield Reset()
        text_from = thought_from = 0
    if thought_from < len(thought):
        yield Piece(len(thought), thought[thought_from:], "thought")
    if text_from < len(text):
        yield Piece(len(text), text[text_from:])
    yield end
