"""Turns and pictures to fill a store with."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from aidoctor.domain import CleanImage, Role, Turn, TurnStatus
from aidoctor.store import Store

PICTURE = CleanImage(view=b"RIFF-view", model=b"PNG-model", width=3, height=4, notice="small")


def said(conversation_id: str, text: str, parent: str | None = None, **more: object) -> Turn:
    """A user turn, unless `more` says otherwise."""
    values: dict[str, object] = {
        "id": secrets.token_urlsafe(12),
        "conversation_id": conversation_id,
        "parent_id": parent,
        "role": Role.USER,
        "text": text,
        "status": TurnStatus.COMPLETE,
        "created_at": datetime.now(UTC),
    }
    return Turn(**values | more)  # type: ignore[arg-type]


def answered(conversation_id: str, text: str, parent: str | None, **more: object) -> Turn:
    """An assistant turn."""
    return said(conversation_id, text, parent, **{"role": Role.ASSISTANT} | more)


def begun(store: Store, text: str = "hello") -> tuple[str, str]:
    """A conversation with one user turn, and the ids of both."""
    conversation = store.create()
    return conversation.id, store.add(said(conversation.id, text)).id
