"""The words of the field as frozen values. Standard library only; nothing here does I/O.

A conversation is a tree of turns: editing a message or asking again adds a sibling, so nothing
is overwritten. The branch that is shown ends at the conversation's leaf.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class TurnStatus(StrEnum):
    """How far a turn has come; all but `STREAMING` are final."""

    COMPLETE = "complete"
    STREAMING = "streaming"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture that belongs to a turn; the bytes stay in the store."""

    id: str
    name: str
    width: int
    height: int
    size: int
    """Bytes of the copy kept for viewing."""
    notice: str = ""
    """What the person should know about how it was read, such as "only the first frame"."""


@dataclass(frozen=True, slots=True)
class CleanImage:
    """A picture after cleaning: two encodings without metadata, upright, RGB or grey."""

    view: bytes
    """WebP for the page, long side at most 2,048 px."""
    model: bytes
    """PNG or JPEG for the model, long side at most 896 px."""
    width: int
    """Of the view, in pixels; the height too."""
    height: int
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer came from and what it was made of."""

    engine: str
    model: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0
    left_out: int = 0
    """Earlier turns that did not fit into the context; at least so many in a long conversation."""
    pictures_unseen: int = 0
    """Pictures in the conversation that the model could not see."""
    context_tokens: int = 0
    """Size of the context, so that the page can say how full it was."""
    cut: bool = False
    """The answer reached its length limit."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    text: str
    status: TurnStatus
    created_at: datetime
    thought: str = ""
    attachments: tuple[Attachment, ...] = ()
    provenance: Provenance | None = None
    error: str = ""
    """Code of the error that ended it, from the tree in errors.py."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its turns."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    pinned: bool = False
    titled: bool = False
    """The person chose the title."""
    temporary: bool = False
    """Kept in memory only."""
    leaf_id: str | None = None
    """The last turn of the branch that is shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a language model is given: one entry of its context."""

    role: Role
    text: str
    images: tuple[bytes, ...] = ()
    """Encoded PNG or JPEG, already cleaned."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, or of the model's thinking, in order."""

    text: str
    kind: Literal["text", "thought"] = "text"


@dataclass(frozen=True, slots=True)
class Progress:
    """What the engine does before the first word. `done` of `total` in tokens, where it says so."""

    stage: Literal["waiting", "loading", "reading"]
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The explicit end of a reply. A stream without it is an error."""

    reason: Literal["stop", "length"]
    prompt_tokens: int = 0
    answer_tokens: int = 0


ReplyEvent = Delta | Progress | Done


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that an engine has, as the page lists it."""

    name: str
    """What `reply(model=...)` takes."""
    size: int = 0
    """Bytes on disk, 0 where unknown."""
    quantisation: str = ""
    sees: bool | None = None
    """Reads pictures; None where the engine does not say."""
    context_tokens: int = 0


@dataclass(frozen=True, slots=True)
class PullProgress:
    """A download under way, in bytes; `total` 0 while unknown."""

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What an engine says of itself when asked whether it is ready for a model."""

    name: str
    address: str
    """Where the words go: a URL, or "this process" for a child of ours."""
    local: bool
    version: str = ""
    models: tuple[ModelCard, ...] = ()
    warnings: tuple[str, ...] = field(default=())
