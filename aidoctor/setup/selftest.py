"""Does the model see? It is shown a plain picture whose colour only the picture tells.

The colour is drawn by lot, so that a model that merely guesses is found out two times in three at
each test.
"""

from __future__ import annotations

import re
import secrets
import struct
import zlib
from contextlib import aclosing
from enum import StrEnum

from aidoctor.clocks import on_time
from aidoctor.domain import Delta, Message, Progress, PullProgress, Role
from aidoctor.errors import PictureRefused
from aidoctor.ports import LanguageModel
from aidoctor.settings import Settings
from aidoctor.setup.jobs import Tell

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
OTHERS = frozenset(
    {"yellow", "white", "black", "orange", "purple", "pink", "grey", "gray", "brown"}
)
SIDE = 256
"""Pixels; the model scales every picture to its own size, so a larger one would not cost less."""
QUESTION = "What colour is this picture? Answer with one word."
ENOUGH = 400
"""Letters of an answer after which no more is waited for."""


class Sight(StrEnum):
    """What came of the test."""

    SEES = "sees"
    BLIND = "blind"
    UNSURE = "unsure"


SENTENCES = {
    Sight.SEES: "The model saw the test picture.",
    Sight.BLIND: "The model did not see the test picture. It can still answer text.",
    Sight.UNSURE: "The model's answer did not tell whether it saw the test picture.",
}


async def look(
    engine: LanguageModel, model: str, settings: Settings, tell: Tell, *, colour: str = ""
) -> Sight:
    """Show `model` a picture of `colour`, by default one drawn by lot. Raises an `EngineError`.

    On a machine without a graphics card reading one picture takes minutes.
    """
    colour = colour or secrets.choice(list(COLOURS))
    message = Message(Role.USER, QUESTION, (picture(colour),))
    reply = engine.reply([message], model=model)
    clocks = {"first": settings.first_token_timeout, "between": settings.token_timeout}
    answer = ""
    try:
        async with aclosing(on_time(reply, **clocks)) as events:
            async for event in events:
                match event:
                    case Progress():
                        tell(PullProgress(_said(event)))
                    case Delta(kind="text"):
                        answer += event.text
                if len(answer) > ENOUGH:
                    break
    except PictureRefused:
        return Sight.BLIND
    return verdict(answer, colour)


def verdict(answer: str, colour: str) -> Sight:
    """What `answer` says about a picture of `colour`."""
    named = set(re.findall(r"[a-z]+", answer.lower())) & (set(COLOURS) | OTHERS)
    if named == {colour}:
        return Sight.SEES
    return Sight.BLIND if named and colour not in named else Sight.UNSURE


def picture(colour: str) -> bytes:
    """A PNG of `SIDE` by `SIDE` pixels in one plain colour."""
    row = b"\0" + bytes(COLOURS[colour]) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(row * SIDE)) + _chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _said(progress: Progress) -> str:
    match progress.stage:
        case "reading" if progress.total:
            return f"The model reads the picture ({progress.done * 100 // progress.total} %)"
        case "reading":
            return "The model reads the picture"
        case "loading":
            return "The model is being loaded"
        case _:
            return "Waiting for the model"
