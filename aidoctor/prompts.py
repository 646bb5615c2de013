"""What the model is given: the system text and as many whole exchanges as fit. Pure.

Engines drop the front of a prompt that is too long, and the system text with it, without a word.
So the history is trimmed here, in whole pairs, and what was left out is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aidoctor.domain import Message, Role, Turn
from aidoctor.errors import PromptTooLong

TURN_TOKENS = 8
"""Tokens of the marks around one turn in Gemma's template."""
KEPT_FREE = 0.1
"""Part of the context that stays empty, since tokens are partly estimated."""

UNSEEN = "[A picture was attached here. You cannot see it: say so, and do not guess what it shows.]"

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Fit:
    """The turns that fit, and what that left out."""

    turns: tuple[Turn, ...]
    left_out: int
    unseen: int
    """Pictures among them that the model cannot see."""
    tokens: int


class Gauge:
    """Estimates tokens, and learns from what an engine reports.

    It only ever corrects upwards: an engine that counts less than we do may have left out what it
    had cached, and too small an estimate loses the front of the prompt.
    """

    def __init__(self) -> None:
        self.correction = 1.0
        self._known: dict[int, int] = {}

    def count(self, text: str) -> int:
        """About how many tokens `text` has; 3.5 ASCII characters each, other scripts denser."""
        known = self._known.get(hash(text))
        if known is not None:
            return known
        wide = sum(1 for c in text if ord(c) > 0x24F) if not text.isascii() else 0
        return int(((len(text) - wide) / 3.5 + wide * 0.8) * self.correction) + 1

    def know(self, text: str, tokens: int) -> None:
        """Take the engine's own count of `text` instead of an estimate."""
        self._known[hash(text)] = tokens

    def knows(self, text: str) -> bool:
        """Whether the engine has counted `text`."""
        return hash(text) in self._known

    def learn(self, estimated: int, reported: int) -> None:
        """Compare an estimate with the engine's own count of the same prompt."""
        if estimated > 0 and reported > estimated:
            self.correction = min(3.0, self.correction * reported / estimated)


def budget(context_tokens: int, answer_tokens: int) -> int:
    """Tokens that the prompt may take: the context less the answer and a tenth."""
    reserve = min(answer_tokens, context_tokens // 4)
    return int(context_tokens * (1 - KEPT_FREE)) - reserve


def fit(
    system: str,
    turns: Sequence[Turn],
    *,
    limit: int,
    count: Count,
    picture_tokens: int,
    sees: bool,
) -> Fit:
    """Keep the newest exchanges that fit into `limit` tokens; the last user turn always stays.

    Raises `PromptTooLong` when the system text and the last user turn alone do not fit.
    """
    exchanges = _exchanges([t for t in turns if t.text.strip() or t.attachments])
    cost = _Cost(count, picture_tokens if sees else count(UNSEEN))
    used = cost.text(system)
    kept: list[Turn] = []
    for exchange in reversed(exchanges):
        tokens = sum(cost.turn(turn) for turn in exchange)
        if used + tokens > limit:
            if not kept:
                raise PromptTooLong
            break
        used += tokens
        kept[:0] = exchange
    left_out = sum(len(e) for e in exchanges) - len(kept)
    unseen = 0 if sees else sum(len(turn.attachments) for turn in kept)
    return Fit(tuple(kept), left_out, unseen, used)


@dataclass(frozen=True, slots=True)
class _Cost:
    count: Count
    picture: int

    def text(self, text: str) -> int:
        return self.count(text) + TURN_TOKENS

    def turn(self, turn: Turn) -> int:
        return self.text(turn.text) + self.picture * len(turn.attachments)


def _exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Each user turn with what followed it."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if turn.role is Role.USER or not groups:
            groups.append([])
        groups[-1].append(turn)
    return groups


def messages(system: str, turns: Sequence[Turn], pictures: Mapping[str, bytes]) -> list[Message]:
    """The context as the engine takes it. A picture that is not in `pictures` is named unseen.

    An answer that is to go on stands last: engines continue it to the letter.
    """
    context = [Message(Role.SYSTEM, system)]
    for turn in turns:
        seen = tuple(pictures[a.id] for a in turn.attachments if a.id in pictures)
        missing = len(turn.attachments) - len(seen)
        text = "\n".join([turn.text, *[UNSEEN] * missing]) if missing else turn.text
        context.append(Message(turn.role, text, seen))
    return context
