"""An engine that says what a test wrote down, in the way of a real one: events, pauses, errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aidoctor.domain import Done, Message, ModelCard, ReplyEvent

Step = ReplyEvent | float | Exception


@dataclass
class ScriptedEngine:
    """Answers each request with the next script: events, seconds of silence, errors."""

    scripts: list[Sequence[Step]] = field(default_factory=list)
    name: str = "scripted"
    picture_tokens: int = 256
    sees: bool = True
    heard: list[list[Message]] = field(default_factory=list)
    running: int = 0

    async def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        self.heard.append(list(messages))
        self.running += 1
        try:
            for step in self.scripts.pop(0):
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.running -= 1

    async def aclose(self) -> None: ...

    async def current(self) -> tuple[ScriptedEngine, str]:
        return self, "tiny"

    async def card(self) -> ModelCard:
        return ModelCard("tiny", sees=self.sees, context_tokens=2048)


NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
END = Done("stop", prompt_tokens=10, answer_tokens=3)
