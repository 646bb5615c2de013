"""How tests talk with an engine: the tiny model's files, messages, pictures and whole answers."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from aidoctor import modelfile
from aidoctor.domain import Delta, Done, Message, Progress, ReplyEvent, Role
from aidoctor.ports import LanguageModel
from tests.kit import tiny_gguf


@dataclass(frozen=True)
class TinyModel:
    gguf: Path
    mmproj: Path

    @classmethod
    def write(cls, folder: Path) -> TinyModel:
        words = "".join(c if c.isalpha() else " " for c in modelfile.system()).split()
        return cls(*tiny_gguf.write(folder, words))

    @property
    def name(self) -> str:
        return self.gguf.stem


@dataclass
class Answer:
    """A reply, whole, or what there was of it before `error`."""

    text: str = ""
    thought: str = ""
    progress: list[Progress] = field(default_factory=list)
    ends: list[Done] = field(default_factory=list)
    error: Exception | None = None

    @property
    def end(self) -> Done:
        (end,) = self.ends
        return end

    def take(self, event: ReplyEvent) -> None:
        match event:
            case Delta(text, "thought"):
                self.thought += text
            case Delta(text):
                self.text += text
            case Progress():
                self.progress.append(event)
            case Done():
                self.ends.append(event)


async def collect(reply: AsyncGenerator[ReplyEvent, None]) -> Answer:
    """All of a reply; an error is kept, not raised."""
    answer = Answer()
    async with aclosing(reply) as events:
        try:
            async for event in events:
                answer.take(event)
        except Exception as error:
            answer.error = error
    return answer


async def ask(
    engine: LanguageModel, model: str, *messages: Message | str, think: bool = False
) -> Answer:
    """The answer to `messages`; plain text is a user's."""
    turns = [user(m) if isinstance(m, str) else m for m in messages]
    return await collect(engine.reply(turns, model=model, think=think))


def system(text: str = "") -> Message:
    return Message(Role.SYSTEM, text or modelfile.system())


def user(text: str, *images: bytes) -> Message:
    return Message(Role.USER, text, images)


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


def picture(colour: str | Sequence[int], size: int = 64) -> bytes:
    out = io.BytesIO()
    colour = colour if isinstance(colour, str) else tuple(colour)
    Image.new("RGB", (size, size), colour).save(out, "PNG")
    return out.getvalue()
