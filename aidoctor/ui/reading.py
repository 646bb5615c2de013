"""Reads a conversation from the records into the views that a page shows."""

from __future__ import annotations

from dataclasses import dataclass

from aidoctor.domain import Provenance, Turn, TurnStatus
from aidoctor.errors import find
from aidoctor.practice import practice
from aidoctor.store import Store
from aidoctor.ui.views import PictureView, TurnView


@dataclass(frozen=True, slots=True)
class Shown:
    """The shown branch of one conversation."""

    title: str
    temporary: bool
    past: list[TurnView]
    running: list[TurnView]
    """The answer in progress, whose text comes by its own route."""
    has_earlier: bool
    context_used: int


def read(conversation_id: str, window: int) -> Shown:
    """The last `window` turns of the shown branch. Raises `NotFound`."""
    store = practice().records.of(conversation_id)
    conversation = store.conversation(conversation_id)
    leaf = conversation.leaf_id
    branch = store.branch(leaf, limit=window + 1) if leaf else []
    turns = branch[-window:]
    views = _views(store, turns)
    settled = [view for view in views if not view.live]
    return Shown(
        title=conversation.title,
        temporary=conversation.temporary,
        past=settled,
        running=[view for view in views if view.live],
        has_earlier=len(branch) > window,
        context_used=next((context_used(t) for t in reversed(turns) if t.provenance), 0),
    )


def read_turn(turn_id: str) -> tuple[Turn, TurnView]:
    """One answer after its end; its text stays on the page that saw it arrive."""
    store = practice().records.with_turn(turn_id)
    turn = store.turn(turn_id)
    siblings = store.siblings([turn_id]).get(turn_id, ())
    return turn, turn_view(turn, siblings, live=True)


def context_used(turn: Turn) -> int:
    """How full the context was after a turn, in percent; 0 where unknown."""
    made = turn.provenance
    if made is None or not made.context_tokens:
        return 0
    return min(100, round(100 * (made.prompt_tokens + made.answer_tokens) / made.context_tokens))


def _views(store: Store, turns: list[Turn]) -> list[TurnView]:
    siblings = store.siblings([turn.id for turn in turns])
    return [
        turn_view(turn, siblings.get(turn.id, ()), live=turn.status is TurnStatus.STREAMING)
        for turn in turns
    ]


def turn_view(turn: Turn, siblings: tuple[str, ...] = (), *, live: bool = False) -> TurnView:
    """A turn as the page draws it; without its text where the answer route brings that."""
    error = find(turn.error) if turn.error else None
    return TurnView(
        id=turn.id,
        role="user" if turn.role == "user" else "assistant",
        text="" if live else turn.text,
        thought="" if live else turn.thought,
        status=turn.status.value,
        live=live,
        attachments=[
            PictureView(a.id, a.name, a.width, a.height, a.notice) for a in turn.attachments
        ],
        model=turn.provenance.model if turn.provenance else "",
        notes=_notes(turn.provenance) if turn.provenance else [],
        error_code=turn.error,
        error_what=error.what if error else "",
        error_fix=error.fix if error else "",
        siblings=list(siblings) or [turn.id],
        at=turn.created_at.isoformat(),
    )


def _notes(made: Provenance) -> list[str]:
    notes = []
    if made.left_out:
        notes.append("Earlier messages did not fit into the context and were left out.")
    if made.pictures_unseen:
        notes.append("This model cannot see pictures; it was told so.")
    if made.cut:
        notes.append("The answer reached its length limit.")
    return notes
