"""What the page shows of a conversation: frozen values that travel to the browser as plain objects.

Their field names are the contract with the components next door, which read them in snake_case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PictureView:
    """A picture of a turn; the browser fetches its bytes from the attachment route."""

    id: str = ""
    name: str = ""
    width: int = 0
    height: int = 0
    notice: str = ""


@dataclass(frozen=True)
class TurnView:
    """One turn as the thread draws it."""

    id: str = ""
    role: Literal["user", "assistant"] = "user"
    text: str = ""
    """Empty while `live`: the words come from the answer route, not through the page's state."""
    thought: str = ""
    status: Literal["complete", "streaming", "stopped", "interrupted", "failed"] = "complete"
    live: bool = False
    """The component reads it from the answer route, also after its end, until a reload."""
    attachments: list[PictureView] = field(default_factory=list)
    model: str = ""
    notes: list[str] = field(default_factory=list)
    """Small print, one sentence each."""
    error_code: str = ""
    error_what: str = ""
    error_fix: str = ""
    siblings: list[str] = field(default_factory=list)
    """Turns that stand in the same place, this one included, in order."""
    at: str = ""
    """ISO 8601 time it was written."""


@dataclass(frozen=True)
class LastMessage:
    """The person's last turn on the shown branch, for the composer's arrow-up."""

    id: str = ""
    text: str = ""
