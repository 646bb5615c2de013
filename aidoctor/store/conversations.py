"""Conversations in the database: make, list, find, rename, pin, delete."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, desc, exists, func, select, update
from sqlalchemy.orm import Session

from aidoctor.domain import Conversation
from aidoctor.errors import NotFound
from aidoctor.store import search
from aidoctor.store.tables import AttachmentRow, ConversationRow, TurnPicture, TurnRow

LONGEST_TITLE = 60
"""Characters of a title made from the first words."""
LONGEST_CHOSEN_TITLE = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and doubled spaces."""
    return " ".join(_CONTROL.sub(" ", text).split())


def title_from(text: str) -> str:
    """The first words of `text`, at most 60 characters, cut between words where there is one."""
    line = one_line(text)
    if len(line) <= LONGEST_TITLE:
        return line
    head = line[:LONGEST_TITLE]
    whole, space, _ = head.rpartition(" ")
    return (whole if space else head[:-1]).rstrip(" ,;:.")[: LONGEST_TITLE - 1] + "…"


def next_activity(session: Session) -> int:
    """The number that puts a conversation before all others."""
    return (session.scalar(select(func.max(ConversationRow.activity))) or 0) + 1


def row(session: Session, conversation_id: str) -> ConversationRow:
    """The row of a conversation, or `NotFound`."""
    found = session.scalar(select(ConversationRow).where(ConversationRow.id == conversation_id))
    if found is None:
        raise NotFound
    return found


def create(session: Session, conversation_id: str | None, title: str) -> ConversationRow:
    """A new conversation; one that is there already stays as it is."""
    if conversation_id is not None:
        there = ConversationRow.id == conversation_id
        found = session.scalar(select(ConversationRow).where(there))
        if found is not None:
            return found
    now = datetime.now(UTC)
    return take_in(
        session,
        Conversation(
            id=conversation_id or secrets.token_urlsafe(12),
            title=title,
            titled=bool(one_line(title)),
            created_at=now,
            updated_at=now,
        ),
    )


def take_in(session: Session, conversation: Conversation) -> ConversationRow:
    """The row of a conversation made here or elsewhere, before all others."""
    made = ConversationRow(
        id=conversation.id,
        title=one_line(conversation.title)[:LONGEST_CHOSEN_TITLE],
        titled=conversation.titled,
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        activity=next_activity(session),
        leaf_id=conversation.leaf_id,
    )
    session.add(made)
    session.flush()
    return made


def listed(session: Session, query: str, limit: int) -> list[ConversationRow]:
    """Those that hold every term of `query`: pinned first, then by the newest turn."""
    return list(
        session.scalars(
            select(ConversationRow)
            .where(*(search.holds(term) for term in search.terms(query)))
            .order_by(desc(ConversationRow.pinned), desc(ConversationRow.activity))
            .limit(limit)
        )
    )


def rename(session: Session, conversation_id: str, title: str) -> None:
    """Give the title that the person chose; an empty one gives the choice back."""
    found = row(session, conversation_id)
    found.title = one_line(title)[:LONGEST_CHOSEN_TITLE]
    found.titled = bool(found.title)


def pin(session: Session, conversation_id: str, pinned: bool) -> None:
    """Keep it on top, or no longer."""
    row(session, conversation_id).pinned = pinned


def remove(session: Session, conversation_id: str) -> None:
    """Delete one with its turns and the pictures that only it has."""
    found = row(session, conversation_id)
    _remove(session, TurnRow.conversation_id == found.id)
    session.delete(found)
    session.flush()
    search.forget(session)


def remove_all(session: Session) -> None:
    """Delete every conversation and every picture."""
    search.drop(session)
    for table in (TurnPicture, TurnRow, ConversationRow, AttachmentRow):
        session.execute(delete(table))
    search.create(session.connection())


def _remove(session: Session, these: ColumnElement[bool]) -> None:
    turns = select(TurnRow.seq).where(these)
    pictures = session.scalars(
        select(TurnPicture.attachment_id).distinct().where(TurnPicture.turn_seq.in_(turns))
    ).all()
    session.execute(delete(TurnPicture).where(TurnPicture.turn_seq.in_(turns)))
    session.execute(delete(TurnRow).where(these))
    unclaimed = ~exists().where(TurnPicture.attachment_id == AttachmentRow.id)
    session.execute(delete(AttachmentRow).where(AttachmentRow.id.in_(pictures), unclaimed))


def touch(session: Session, found: ConversationRow, *, leaf_id: str, at: datetime) -> None:
    """A turn was added: it is the shown one, and its conversation the newest."""
    session.execute(
        update(ConversationRow)
        .where(ConversationRow.seq == found.seq)
        .values(leaf_id=leaf_id, updated_at=at, activity=next_activity(session))
    )


def to_domain(found: ConversationRow, *, temporary: bool) -> Conversation:
    """The row in the words of the field."""
    return Conversation(
        id=found.id,
        title=found.title,
        created_at=found.created_at,
        updated_at=found.updated_at,
        pinned=found.pinned,
        titled=found.titled,
        temporary=temporary,
        leaf_id=found.leaf_id,
    )
