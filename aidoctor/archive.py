"""A conversation as a file: JSON with every branch and picture, or Markdown to read.

The JSON is `{"format": "aidoctor-conversation", "version": 1, "conversation": {...}, "turns":
[...]}`, turns in the order they were added, parents before children, pictures as base64 WebP. A
file that comes back may come from anywhere, so `parse` checks every field and its size, `restore`
gives everything new ids, and pictures are cleaned like any other before they are kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from aidoctor.domain import Attachment, CleanImage, Conversation, Provenance, Role, Turn, TurnStatus
from aidoctor.errors import ImportRefused, ImportTooLarge
from aidoctor.store import Store

FORMAT: Final = "aidoctor-conversation"
VERSION: Final = 1
MAX_BYTES: Final = 256 * 1024 * 1024
MAX_TURNS: Final = 20_000
MAX_TEXT: Final = 2_000_000
"""Characters of one message."""
MAX_PICTURES: Final = 2_000
"""Pictures of one conversation."""

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Label = Annotated[str, Field(max_length=300)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Count = Annotated[int, Field(ge=0, le=10**12)]
When = Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Picture(_Part):
    name: Label = "picture"
    notice: Label = ""
    webp: str


class _Provenance(_Part):
    engine: Label
    model: Label
    prompt_tokens: Count = 0
    answer_tokens: Count = 0
    seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0.0
    left_out: Count = 0
    pictures_unseen: Count = 0
    context_tokens: Count = 0
    cut: bool = False


class _Turn(_Part):
    id: Name
    parent: Name | None = None
    role: Literal[Role.USER, Role.ASSISTANT]
    text: Text
    thought: Text = ""
    status: Literal[
        TurnStatus.COMPLETE, TurnStatus.STOPPED, TurnStatus.INTERRUPTED, TurnStatus.FAILED
    ] = TurnStatus.COMPLETE
    created_at: When
    error: Annotated[str, Field(max_length=64, pattern="^[a-z0-9-]*$")] = ""
    provenance: _Provenance | None = None
    pictures: Annotated[list[_Picture], Field(max_length=16)] = []


class _Conversation(_Part):
    title: Text = ""
    titled: bool = False
    created_at: When
    leaf: Name | None = None


class _File(_Part):
    format: Literal["aidoctor-conversation"]
    version: Annotated[int, Field(ge=1)]
    conversation: _Conversation
    turns: Annotated[list[_Turn], Field(max_length=MAX_TURNS)]


@dataclass(frozen=True, slots=True)
class Archive:
    """A conversation read from a file; its pictures, by attachment id, are not clean yet."""

    conversation: Conversation
    turns: tuple[Turn, ...]
    pictures: Mapping[str, bytes]


def to_json(store: Store, conversation_id: str) -> str:
    """The whole conversation. An answer still being written is in it as far as it is kept."""
    conversation, turns = store.conversation(conversation_id), store.turns(conversation_id)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "conversation": {
            "title": conversation.title,
            "titled": conversation.titled,
            "created_at": conversation.created_at.isoformat(),
            "leaf": conversation.leaf_id,
        },
        "turns": [_written(store, turn) for turn in turns],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _written(store: Store, turn: Turn) -> dict[str, Any]:
    return {
        "id": turn.id,
        "parent": turn.parent_id,
        "role": turn.role,
        "text": turn.text,
        "thought": turn.thought,
        "status": _final(turn.status),
        "created_at": turn.created_at.isoformat(),
        "error": turn.error,
        "provenance": asdict(turn.provenance) if turn.provenance else None,
        "pictures": [
            {"name": it.name, "notice": it.notice, "webp": _base64(store, it)}
            for it in turn.attachments
        ],
    }


def _final(status: TurnStatus) -> TurnStatus:
    return TurnStatus.INTERRUPTED if status is TurnStatus.STREAMING else status


def _base64(store: Store, attachment: Attachment) -> str:
    return base64.b64encode(store.attachment_view(attachment.id)).decode("ascii")


def to_markdown(store: Store, conversation_id: str) -> str:
    """The branch that is shown, pictures included as data URIs."""
    conversation = store.conversation(conversation_id)
    leaf = conversation.leaf_id
    turns = store.branch(leaf) if leaf else []
    parts = [f"# {conversation.title or 'Conversation'}"]
    parts += [_section(store, turn) for turn in turns]
    return "\n\n".join(parts) + "\n"


def _section(store: Store, turn: Turn) -> str:
    who = "You" if turn.role is Role.USER else "AI Doctor"
    model = f" · {turn.provenance.model}" if turn.provenance else ""
    lines = [f"## {who}", f"*{turn.created_at:%Y-%m-%d %H:%M} UTC{model}*"]
    for attachment in turn.attachments:
        name = "".join(char for char in attachment.name if char not in "[]()\\\r\n")
        lines.append(f"![{name}](data:image/webp;base64,{_base64(store, attachment)})")
    if turn.thought:
        lines.append(
            "\n".join(f"> {line}" for line in ("*Thoughts*", "", *turn.thought.split("\n")))
        )
    lines.append(turn.text)
    if turn.status is not TurnStatus.COMPLETE:
        lines.append(f"*({_final(turn.status)})*")
    return "\n\n".join(line for line in lines if line)


def parse(data: bytes | bytearray) -> Archive:
    """Read an exported file. Raises `ImportRefused` or `ImportTooLarge` for others."""
    if len(data) > MAX_BYTES:
        raise ImportTooLarge(f"{len(data)} bytes")
    try:
        file = _File.model_validate_json(data)
    except ValidationError as error:
        raise ImportRefused(_place(error)) from None
    if file.version > VERSION:
        raise ImportRefused(
            "version", what="A newer AI Doctor wrote this file.", fix="Update AI Doctor."
        )
    return _fresh(file)


def _place(error: ValidationError) -> str:
    """Where the file is wrong and how, without a word of its content."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    known = [str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier()]
    return f"{'.'.join(known)}: {first['type']}"


def _fresh(file: _File) -> Archive:
    """The same conversation under new ids."""
    conversation_id = secrets.token_urlsafe(12)
    ids: dict[str, str] = {}
    turns: list[Turn] = []
    pictures: dict[str, bytes] = {}
    for written in file.turns:
        if written.id in ids or (written.parent is not None and written.parent not in ids):
            raise ImportRefused("turns: order")
        ids[written.id] = secrets.token_urlsafe(12)
        kept = {secrets.token_urlsafe(24): picture for picture in written.pictures}
        pictures |= {key: _decoded(picture.webp) for key, picture in kept.items()}
        parent_id = ids[written.parent] if written.parent is not None else None
        turns.append(_turn(written, conversation_id, ids[written.id], parent_id, kept))
    if len(pictures) > MAX_PICTURES:
        raise ImportRefused("pictures")
    leaf = file.conversation.leaf
    if leaf is not None and leaf not in ids:
        raise ImportRefused("conversation.leaf")
    conversation = Conversation(
        id=conversation_id,
        title=file.conversation.title,
        titled=file.conversation.titled,
        created_at=file.conversation.created_at,
        updated_at=datetime.now(UTC),
        leaf_id=ids[leaf] if leaf else (turns[-1].id if turns else None),
    )
    return Archive(conversation, tuple(turns), pictures)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ImportRefused("pictures: base64") from None


def _turn(
    written: _Turn,
    conversation_id: str,
    turn_id: str,
    parent_id: str | None,
    pictures: Mapping[str, _Picture],
) -> Turn:
    made_by = written.provenance
    return Turn(
        id=turn_id,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=written.role,
        text=written.text,
        thought=written.thought,
        status=written.status,
        created_at=written.created_at,
        error=written.error,
        provenance=Provenance(**made_by.model_dump()) if made_by else None,
        attachments=tuple(
            Attachment(id=key, name=it.name, notice=it.notice, width=0, height=0, size=0)
            for key, it in pictures.items()
        ),
    )


def restore(store: Store, archive: Archive, clean: Mapping[str, CleanImage]) -> Conversation:
    """Keep the conversation with its pictures, now clean, all at once or not at all."""
    return store.take_in(archive.conversation, _sized(archive.turns, clean), clean)


def _sized(turns: Sequence[Turn], clean: Mapping[str, CleanImage]) -> list[Turn]:
    """The turns with what is known of their pictures only now."""
    return [
        replace(turn, attachments=tuple(_size(it, clean[it.id]) for it in turn.attachments))
        for turn in turns
    ]


def _size(attachment: Attachment, image: CleanImage) -> Attachment:
    size = len(image.view)
    return replace(attachment, width=image.width, height=image.height, size=size)
