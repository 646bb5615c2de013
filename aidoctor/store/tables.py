"""The tables: conversations, their turns, the pictures of turns, and what the person prefers.

`seq` gives every order; clocks only tell people when. Nothing here is special to SQLite.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates, which databases refuse or cut at."""


def storable(text: str) -> str:
    """`text` with what cannot be stored shown as U+FFFD; the number of code points stays."""
    return UNSTORABLE.sub("\ufffd", text)


class Words(TypeDecorator[str]):
    """Text of any kind of hand."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make it storable."""
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """An aware point in time, kept in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring it to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back the zone where the database drops it."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The root of the tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Words,
        datetime: Moment,
        bytes: LargeBinary,
        dict[str, Any]: JSON(none_as_null=True),
    }


class ConversationRow(Base):
    """A conversation; `activity` grows with every turn added anywhere."""

    __tablename__ = "conversations"
    __table_args__ = (Index("conversations_order", "pinned", "activity"),)

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    activity: Mapped[int]
    pinned: Mapped[bool] = mapped_column(default=False)
    titled: Mapped[bool] = mapped_column(default=False)
    leaf_id: Mapped[str | None] = mapped_column(String(40))


class TurnRow(Base):
    """A turn; its parent always has a smaller `seq`."""

    __tablename__ = "turns"
    __table_args__ = (
        Index("turns_siblings", "conversation_id", "parent_id", "role"),
        Index("turns_parent", "parent_id"),
        Index("turns_status", "status"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    conversation_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("conversations.id", ondelete="CASCADE")
    )
    parent_id: Mapped[str | None] = mapped_column(
        String(40), ForeignKey("turns.id", ondelete="CASCADE")
    )
    role: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(String(64), default="")
    provenance: Mapped[dict[str, Any] | None]
    text: Mapped[str]
    thought: Mapped[str] = mapped_column(default="")


class AttachmentRow(Base):
    """A picture in its two encodings, which are read only when asked for."""

    __tablename__ = "attachments"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str]
    notice: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    created_at: Mapped[datetime]
    view: Mapped[bytes] = mapped_column(deferred=True)
    model: Mapped[bytes] = mapped_column(deferred=True)


class TurnPicture(Base):
    """A turn has a picture; an edited message has those of the message it was made from."""

    __tablename__ = "turn_pictures"
    __table_args__ = (Index("turn_pictures_attachment", "attachment_id"),)

    turn_seq: Mapped[int] = mapped_column(
        ForeignKey("turns.seq", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    attachment_id: Mapped[str] = mapped_column(String(40), ForeignKey("attachments.id"))


class PreferenceRow(Base):
    """What the person chose on the page."""

    __tablename__ = "preferences"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]
