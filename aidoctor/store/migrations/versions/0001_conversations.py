"""Conversations, turns, pictures and preferences."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _conversations()
    _turns()
    _attachments()
    op.create_table(
        "preferences",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activity", sa.Integer, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("titled", sa.Boolean, nullable=False),
        sa.Column("leaf_id", sa.String(40)),
    )
    op.create_index("conversations_order", "conversations", ["pinned", "activity"])


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column(
            "conversation_id",
            sa.String(40),
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("parent_id", sa.String(40), sa.ForeignKey("turns.id", ondelete="CASCADE")),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(64), nullable=False),
        sa.Column("provenance", sa.JSON),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("thought", sa.Text, nullable=False),
    )
    op.create_index("turns_siblings", "turns", ["conversation_id", "parent_id", "role"])
    op.create_index("turns_parent", "turns", ["parent_id"])
    op.create_index("turns_status", "turns", ["status"])


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("view", sa.LargeBinary, nullable=False),
        sa.Column("model", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "turn_pictures",
        sa.Column(
            "turn_seq",
            sa.Integer,
            sa.ForeignKey("turns.seq", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("attachment_id", sa.String(40), sa.ForeignKey("attachments.id"), nullable=False),
    )
    op.create_index("turn_pictures_attachment", "turn_pictures", ["attachment_id"])
