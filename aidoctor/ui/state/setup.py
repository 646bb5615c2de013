"""The Set-up page: the checks, and the one step that runs in the server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import reflex as rx
from reflex.event import EventSpec

from aidoctor.errors import AIDoctorError
from aidoctor.practice import practice
from aidoctor.settings import PAGE
from aidoctor.setup.check import Action, Check, State
from aidoctor.setup.checks import examine
from aidoctor.setup.figures import size, span
from aidoctor.setup.jobs import Stage, Standing
from aidoctor.setup.steps import Steps
from aidoctor.ui.state.engine import Engine

MARKS: Final = {
    State.OK: "Fine",
    State.TODO: "To do",
    State.WARNING: "Note",
    State.FAILED: "Problem",
}
LABELS: Final[dict[str, str]] = {
    "pull": "Download",
    "download": "Download",
    "selftest": "Show it a test picture",
}


@dataclass(frozen=True)
class CheckView:
    """One line of the page."""

    id: str = ""
    title: str = ""
    state: str = "ok"
    mark: str = ""
    """The state in a word."""
    sentence: str = ""
    fix: str = ""
    command: str = ""
    action: str = ""
    label: str = ""
    """What the button says; empty where there is none."""


class Setup(rx.State):
    """What is there, what is missing, and what is being fetched."""

    checks: list[CheckView] = []
    ready: bool = False
    """The checks have been made."""
    agreed: bool = False
    """The terms of the model are accepted, or none apply."""
    stage: str = "idle"
    sentence: str = ""
    fix: str = ""
    share: int = 0
    """Percent."""
    measured: bool = False
    """The size is known, so a bar can be shown."""
    amount: str = ""
    speed: str = ""
    left: str = ""

    @rx.event(background=True)
    async def open(self) -> None:
        """Make the checks and read the running step, as after a reload."""
        async with self:
            self._read(practice().setup.standing())
        await self._examine()

    @rx.event()
    async def refresh(self) -> EventSpec | list[EventSpec]:
        """Read the running step; when it has ended, look at everything anew."""
        self._read(practice().setup.standing())
        return [] if self.stage == Stage.RUNNING else [Setup.open, Engine.check]

    @rx.event()
    async def start(self, action: Action) -> None:
        """Take the step that a check offers."""
        try:
            practice().setup.start(action, _steps().of(action))
        except AIDoctorError as error:
            self.stage, self.sentence, self.fix = Stage.FAILED, error.what, error.fix
        else:
            self._read(practice().setup.standing())

    @rx.event()
    async def cancel(self) -> EventSpec:
        """End the running step; what has arrived is kept."""
        await practice().setup.cancel()
        self._read(practice().setup.standing())
        return Setup.open

    @rx.event()
    def dismiss(self) -> None:
        """Put away what is said of the last step."""
        practice().setup.dismiss()
        self._read(practice().setup.standing())

    @rx.event()
    async def accept(self) -> EventSpec:
        """Keep that the terms are accepted."""
        await asyncio.to_thread(_steps().accept)
        return Setup.open

    async def _examine(self) -> None:
        open_ = practice()
        preferences = await asyncio.to_thread(open_.records.kept.preferences)
        found = await examine(open_.settings, open_.engines, preferences, PAGE)
        async with self:
            self.checks = [_view(check) for check in found if check.id != "page"]
            self.agreed = not any(check.action == "accept-licence" for check in found)
            self.ready = True

    def _read(self, standing: Standing) -> None:
        self.stage, self.sentence, self.fix = standing.stage, standing.sentence, standing.fix
        self.measured = standing.total > 0
        self.share = standing.done * 100 // standing.total if standing.total else 0
        self.amount = f"{size(standing.done)} of {size(standing.total)}" if self.measured else ""
        self.speed = f"{size(standing.speed)}/s" if standing.speed else ""
        self.left = f"{span(standing.left)} left" if standing.left is not None else ""


def _steps() -> Steps:
    open_ = practice()
    return Steps(open_.settings, open_.engines, open_.records.kept)


def _view(check: Check) -> CheckView:
    return CheckView(
        check.id,
        check.title,
        check.state.value,
        MARKS[check.state],
        check.sentence,
        check.fix,
        check.command if check.action == "" else "",
        check.action,
        LABELS.get(check.action, ""),
    )
