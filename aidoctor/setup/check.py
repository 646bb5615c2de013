"""One check: a need of AI Doctor and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Literal

from aidoctor.errors import AIDoctorError


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    TODO = "todo"
    """The person has one thing to do."""
    WARNING = "warning"
    """It works, but they should know."""
    FAILED = "failed"


Action = Literal["", "accept-licence", "pull", "download", "selftest"]
"""What the page or `aidoctor setup` can do about it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One need and how it stands. The field names are those of `aidoctor doctor --json`."""

    id: str
    title: str
    state: State
    sentence: str
    fix: str = ""
    command: str = ""
    """To be copied into a terminal."""
    action: Action = ""

    def as_dict(self) -> dict[str, str]:
        """The check as plain values."""
        return {name: str(value) for name, value in asdict(self).items()}


def healthy(checks: Sequence[Check]) -> bool:
    """Whether nothing is left to do; warnings do not count."""
    return all(check.state in (State.OK, State.WARNING) for check in checks)


def failed(id: str, title: str, error: AIDoctorError) -> Check:
    """A check that ended in one of our errors."""
    return Check(id, title, State.FAILED, error.what, error.fix)
