"""What every engine must know about Gemma's text, whichever wire it travels on.

MedGemma writes its thinking between `<unused94>thought` and `<unused95>`; its chat template wants
user and assistant in strict turn after one system text; and its control tokens act wherever they
stand, in people's text too. (MedGemma model card; measured with llama.cpp b11549.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from aidoctor.domain import Delta, Message, Role

THOUGHT_BEGINS, THOUGHT_ENDS = "<unused94>", "<unused95>"
THINK = "SYSTEM INSTRUCTION: think silently if needed. "
"""In front of the system text, it lets MedGemma think (Google's notebooks)."""

_LIVE = re.compile(
    r"""<(?=/?(?:start_of_turn|end_of_turn|start_of_image|end_of_image|image_soft_token
                |bos|eos|pad|unk|unused\d+)\b)   # Gemma
      | <(?=__\w+__>)                            # llama.cpp's marker for a picture
      | <(?=\||/?\w+\|>)                         # other families: <|im_start|>, <turn|>
      | \[(?=img\b)                              # Ollama's marker for a picture
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_medgemma(model: str) -> bool:
    """Whether `model`, a tag or file name, is a MedGemma."""
    return "medgemma" in model.lower()


def defuse(text: str) -> str:
    """Break up control tokens with a zero-width space, so that they are only text."""
    return _LIVE.sub(lambda mark: mark[0] + "\u200b", text)


def tidy(messages: Sequence[Message]) -> list[Message]:
    """Defuse every text, drop empty messages and merge neighbours of one role.

    An assistant's message at the end is kept to the letter: the model goes on from there.
    """
    turns: list[Message] = []
    for message in messages:
        text = defuse(message.text)
        clean = replace(message, text=text if message.role is Role.ASSISTANT else text.strip())
        if not clean.text.strip() and not clean.images:
            continue
        if turns and turns[-1].role is clean.role:
            clean = _joined(turns.pop(), clean)
        turns.append(clean)
    return turns


def _joined(first: Message, second: Message) -> Message:
    text = "\n\n".join(part for part in (first.text, second.text) if part)
    return replace(first, text=text, images=first.images + second.images)


def continues(messages: Sequence[Message]) -> bool:
    """Whether the model is to go on with its own last words."""
    return bool(messages) and messages[-1].role is Role.ASSISTANT


class ThoughtSplitter:
    """Divide streamed text into thought and answer; a mark may arrive cut in two."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._skip = ""

    def feed(self, piece: str) -> Iterator[Delta]:
        """Give back what is certain by now; hold what may be the beginning of a mark."""
        self._held += piece
        while (at := self._held.find(self._mark)) >= 0:
            yield from self._said(self._held[:at])
            self._held = self._held[at + len(self._mark) :]
            self._thinking = not self._thinking
            self._skip = "thought\n" if self._thinking else "\n\n"
        sure = len(self._held) - self._doubtful()
        yield from self._said(self._held[:sure])
        self._held = self._held[sure:]

    def finish(self) -> Iterator[Delta]:
        """Give back what is left at the end of the stream."""
        yield from self._said(self._held)
        self._held = ""

    @property
    def _mark(self) -> str:
        return THOUGHT_ENDS if self._thinking else THOUGHT_BEGINS

    def _doubtful(self) -> int:
        sizes = range(len(self._mark) - 1, 0, -1)
        return next((n for n in sizes if self._held.endswith(self._mark[:n])), 0)

    def _said(self, text: str) -> Iterator[Delta]:
        while text and self._skip and text[0] == self._skip[0]:
            text, self._skip = text[1:], self._skip[1:]
        if text:
            self._skip = ""
            yield Delta(text, "thought" if self._thinking else "text")
