"""The one set-up step that runs in this process; every page sees it, also after a reload."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from aidoctor.domain import PullProgress
from aidoctor.errors import AIDoctorError, SetupBusy
from aidoctor.setup.figures import Pace

Tell = Callable[[PullProgress], None]
Work = Callable[[Tell], Awaitable[str]]
"""A step: tells its progress and returns the sentence to end with; raises an `AIDoctorError`."""

CANCELLED = "Cancelled. What has arrived is kept for the next time."

log = logging.getLogger(__name__)


class Stage(StrEnum):
    """How far a step has come."""

    IDLE = "idle"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the step stands at this moment."""

    action: str = ""
    stage: Stage = Stage.IDLE
    sentence: str = ""
    """What is being done, what came of it, or what went wrong."""
    fix: str = ""
    done: int = 0
    """Bytes."""
    total: int = 0
    """Bytes; 0 while unknown."""
    speed: float = 0.0
    """Bytes per second."""
    left: float | None = None
    """Seconds."""


class Jobs:
    """Starts a step, watches it, cancels it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._action = ""
        self._progress = PullProgress("")
        self._pace = Pace()
        self._end = Standing()

    @property
    def running(self) -> bool:
        """Whether a step is under way."""
        return self._task is not None and not self._task.done()

    def start(self, action: str, work: Work) -> None:
        """Begin `work`. Raises `SetupBusy` while another step runs."""
        if self.running:
            raise SetupBusy
        self._action, self._pace, self._progress = action, Pace(), PullProgress("Starting")
        self._end = Standing(action, Stage.CANCELLED, CANCELLED)  # unless it ends otherwise
        self._task = asyncio.create_task(self._run(work))

    def standing(self) -> Standing:
        """The state at this moment; after the end it stays until the next start or `dismiss`."""
        if not self.running:
            return self._end
        progress = self._progress
        return Standing(
            self._action,
            Stage.RUNNING,
            progress.step,
            done=progress.done,
            total=progress.total,
            speed=self._pace.speed(),
            left=self._pace.left(progress.total),
        )

    def dismiss(self) -> None:
        """Forget how the last step ended."""
        if not self.running:
            self._end = Standing()

    async def wait(self) -> Standing:
        """Wait for the end of the step and return it."""
        if self._task:
            await asyncio.wait([self._task])
        return self.standing()

    async def cancel(self) -> None:
        """End the step; what has arrived is kept for the next time."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _tell(self, progress: PullProgress) -> None:
        self._progress = progress
        self._pace.mark(progress.done)

    async def _run(self, work: Work) -> None:
        action = self._action
        try:
            self._end = Standing(action, Stage.DONE, await work(self._tell))
        except AIDoctorError as error:
            self._end = Standing(action, Stage.FAILED, error.what, error.fix)
        except Exception as error:
            log.error("a set-up step failed: %s", type(error).__name__)
            root = AIDoctorError()
            self._end = Standing(action, Stage.FAILED, root.what, root.fix)
