"""Turns in the database: a tree for each conversation, in the order in which they were added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import desc, literal, select, update
from sqlalchemy.orm import Session, aliased

from aidoctor.domain import Provenance, Role, Turn, TurnStatus
from aidoctor.errors import NotFound, TurnRefused
from aidoctor.store import attachments, conversations
from aidoctor.store.tables import TurnRow, storable

ID = re.compile(r"[A-Za-z0-9_-]{8,40}")

_PROVENANCE = {field.name for field in fields(Provenance)}


def row(session: Session, turn_id: str) -> TurnRow:
    """The row of a turn, or `NotFound`."""
    found = session.scalar(select(TurnRow).where(TurnRow.id == turn_id))
    if found is None:
        raise NotFound(what="This message is not here any more.", fix="Reload the page.")
    return found


def add(session: Session, turn: Turn, attachment_ids: Sequence[str]) -> Turn:
    """Save a turn below its parent; the same turn sent again is the one that is there."""
    if not ID.fullmatch(turn.id):
        raise TurnRefused("id")
    there = session.scalar(select(TurnRow).where(TurnRow.id == turn.id))
    if there is not None:
        return _again(session, there, turn, attachment_ids)
    conversation = conversations.row(session, turn.conversation_id)
    if turn.parent_id and row(session, turn.parent_id).conversation_id != conversation.id:
        raise NotFound("parent in another conversation")
    made = insert(session, turn)
    attachments.claim(session, made, attachment_ids)
    if turn.role is Role.USER and not conversation.title:
        conversation.title = conversations.title_from(turn.text)
    conversations.touch(session, conversation, leaf_id=turn.id, at=turn.created_at)
    return to_domain(session, [made])[0]


def _again(session: Session, there: TurnRow, turn: Turn, attachment_ids: Sequence[str]) -> Turn:
    saved = to_domain(session, [there])[0]
    same = (
        saved.conversation_id == turn.conversation_id
        and saved.parent_id == turn.parent_id
        and saved.role is turn.role
        and saved.text == storable(turn.text)
        and [a.id for a in saved.attachments] == list(attachment_ids)
    )
    if not same:
        raise TurnRefused("id taken")
    return saved


def insert(session: Session, turn: Turn) -> TurnRow:
    """The row of a turn, without its pictures."""
    made = TurnRow(
        id=turn.id,
        conversation_id=turn.conversation_id,
        parent_id=turn.parent_id,
        role=turn.role.value,
        text=storable(turn.text),
        thought=storable(turn.thought),
        status=turn.status.value,
        created_at=turn.created_at,
        provenance=asdict(turn.provenance) if turn.provenance else None,
        error=turn.error,
    )
    session.add(made)
    session.flush()
    return made


def every(session: Session, conversation_id: str) -> list[Turn]:
    """All turns of a conversation with all branches, parents before their children."""
    rows = session.scalars(
        select(TurnRow).where(TurnRow.conversation_id == conversation_id).order_by(TurnRow.seq)
    )
    return to_domain(session, rows.all())


def branch(session: Session, leaf_id: str, limit: int | None) -> list[Turn]:
    """From the root to `leaf_id`, or the last `limit` of them."""
    row(session, leaf_id)
    up = (
        select(TurnRow.seq, TurnRow.parent_id, literal(1).label("count"))
        .where(TurnRow.id == leaf_id)
        .cte(recursive=True)
    )
    step = select(TurnRow.seq, TurnRow.parent_id, up.c.count + 1).join(
        up, TurnRow.id == up.c.parent_id
    )
    up = up.union_all(step if limit is None else step.where(up.c.count < limit))
    rows = session.scalars(
        select(TurnRow).where(TurnRow.seq.in_(select(up.c.seq))).order_by(TurnRow.seq)
    )
    return to_domain(session, rows.all())


def siblings(session: Session, turn_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each turn, those with the same parent and role, itself included, oldest first."""
    sibling = aliased(TurnRow)
    pairs = session.execute(
        select(TurnRow.id, sibling.id)
        .join(
            sibling,
            (sibling.conversation_id == TurnRow.conversation_id)
            & sibling.parent_id.is_not_distinct_from(TurnRow.parent_id)
            & (sibling.role == TurnRow.role),
        )
        .where(TurnRow.id.in_(turn_ids))
        .order_by(sibling.seq)
    )
    found: dict[str, tuple[str, ...]] = {}
    for turn_id, sibling_id in pairs:
        found[turn_id] = (*found.get(turn_id, ()), sibling_id)
    return found


def select_branch(session: Session, turn_id: str) -> str:
    """Show the newest branch through this turn and return its leaf."""
    turn = row(session, turn_id)
    down = select(TurnRow.seq, TurnRow.id).where(TurnRow.seq == turn.seq).cte(recursive=True)
    down = down.union_all(
        select(TurnRow.seq, TurnRow.id).join(down, TurnRow.parent_id == down.c.id)
    )
    # A child is always newer than its parent, so the newest of all below has none itself.
    leaf_id = session.scalars(select(down.c.id).order_by(desc(down.c.seq)).limit(1)).one()
    conversations.row(session, turn.conversation_id).leaf_id = leaf_id
    return str(leaf_id)


def save_partial(session: Session, turn_id: str, text: str, thought: str) -> None:
    """Keep what is there of a running answer; one that has ended stays as it is."""
    saved = session.execute(
        update(TurnRow)
        .where(TurnRow.id == turn_id, TurnRow.status == TurnStatus.STREAMING.value)
        .values(text=text, thought=thought)
        .returning(TurnRow.seq)
    ).first()
    if saved is None:
        row(session, turn_id)


def finish(session: Session, turn_id: str, values: dict[str, Any]) -> None:
    """Give an answer its last state."""
    found = row(session, turn_id)
    for name, value in values.items():
        setattr(found, name, value)


def interrupt_running(session: Session) -> int:
    """Mark as interrupted what was running when the program ended, and count it."""
    stopped = session.execute(
        update(TurnRow)
        .where(TurnRow.status == TurnStatus.STREAMING.value)
        .values(status=TurnStatus.INTERRUPTED.value)
        .returning(TurnRow.seq)
    )
    return len(stopped.all())


def to_domain(session: Session, rows: Iterable[TurnRow]) -> list[Turn]:
    """The rows in the words of the field, with their pictures."""
    rows = list(rows)
    pictures = attachments.of_turns(session, [row.seq for row in rows])
    return [
        Turn(
            id=row.id,
            conversation_id=row.conversation_id,
            parent_id=row.parent_id,
            role=Role(row.role),
            text=row.text,
            status=TurnStatus(row.status),
            created_at=row.created_at,
            thought=row.thought,
            attachments=pictures.get(row.seq, ()),
            provenance=_provenance(row.provenance),
            error=row.error,
        )
        for row in rows
    ]


def _provenance(saved: dict[str, Any] | None) -> Provenance | None:
    """A provenance from any version of this program."""
    if saved is None:
        return None
    return Provenance(**{name: value for name, value in saved.items() if name in _PROVENANCE})
