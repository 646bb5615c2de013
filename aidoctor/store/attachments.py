"""Pictures in the database: unclaimed until a turn takes them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from aidoctor.domain import Attachment, CleanImage
from aidoctor.errors import NotFound
from aidoctor.store.tables import AttachmentRow, TurnPicture, TurnRow, storable

_UNCLAIMED: ColumnElement[bool] = ~exists().where(TurnPicture.attachment_id == AttachmentRow.id)


def _gone() -> NotFound:
    return NotFound(what="This picture is not here any more.", fix="Add it again.")


def add(
    session: Session, image: CleanImage, name: str, *, attachment_id: str = ""
) -> AttachmentRow:
    """Keep a picture under an id that nobody can guess."""
    made = AttachmentRow(
        id=attachment_id or secrets.token_urlsafe(24),
        name=storable(name),
        notice=image.notice,
        width=image.width,
        height=image.height,
        size=len(image.view),
        created_at=datetime.now(UTC),
        view=image.view,
        model=image.model,
    )
    session.add(made)
    session.flush()
    return made


def claim(session: Session, turn: TurnRow, attachment_ids: Sequence[str]) -> None:
    """Give pictures to a turn; those of another conversation are not to be had."""
    for position, attachment_id in enumerate(attachment_ids):
        if not _free(session, attachment_id, turn.conversation_id):
            raise _gone()
        session.add(TurnPicture(turn_seq=turn.seq, position=position, attachment_id=attachment_id))
    session.flush()


def _free(session: Session, attachment_id: str, conversation_id: str) -> bool:
    elsewhere = (
        exists()
        .where(TurnPicture.attachment_id == AttachmentRow.id)
        .where(TurnPicture.turn_seq == TurnRow.seq)
        .where(TurnRow.conversation_id != conversation_id)
    )
    free = select(AttachmentRow.id).where(AttachmentRow.id == attachment_id, ~elsewhere)
    return session.scalar(free) is not None


def of_turns(session: Session, turn_seqs: Sequence[int]) -> dict[int, tuple[Attachment, ...]]:
    """The pictures of each turn, in their order."""
    found: dict[int, tuple[Attachment, ...]] = {}
    pairs = session.execute(
        select(TurnPicture.turn_seq, AttachmentRow)
        .join(AttachmentRow, AttachmentRow.id == TurnPicture.attachment_id)
        .where(TurnPicture.turn_seq.in_(turn_seqs))
        .order_by(TurnPicture.turn_seq, TurnPicture.position)
    )
    for seq, row in pairs:
        found[seq] = (*found.get(seq, ()), to_domain(row))
    return found


def content(session: Session, attachment_id: str, column: InstrumentedAttribute[bytes]) -> bytes:
    """One encoding of a picture, or `NotFound`."""
    found = session.scalar(select(column).where(AttachmentRow.id == attachment_id))
    if found is None:
        raise _gone()
    return found


def drop(session: Session, attachment_id: str) -> None:
    """Delete a picture that no turn has, or `NotFound`."""
    if not _delete(session, AttachmentRow.id == attachment_id):
        raise _gone()


def sweep(session: Session, before: datetime) -> int:
    """Delete what no turn took and is older than `before`, and count it."""
    return _delete(session, AttachmentRow.created_at < before)


def _delete(session: Session, these: ColumnElement[bool]) -> int:
    gone = session.execute(
        delete(AttachmentRow).where(these, _UNCLAIMED).returning(AttachmentRow.id)
    )
    return len(gone.all())


def to_domain(row: AttachmentRow) -> Attachment:
    """The row in the words of the field."""
    return Attachment(
        id=row.id,
        name=row.name,
        width=row.width,
        height=row.height,
        size=row.size,
        notice=row.notice,
    )
