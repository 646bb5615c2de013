"""`aidoctor setup` as a conversation in the terminal: terms, download, picture test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from aidoctor import settings as configuration
from aidoctor.domain import PullProgress
from aidoctor.engines import Engines
from aidoctor.errors import LicenceOpen
from aidoctor.setup import checks, licence
from aidoctor.setup.check import Action, Check
from aidoctor.setup.jobs import Work
from aidoctor.setup.steps import Steps
from aidoctor.store import Store

_PLAIN = (TextColumn("{task.description}"), TimeElapsedColumn())
_MEASURED = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


@dataclass(frozen=True, slots=True)
class Interview:
    """Goes through the checks and takes the step that each one offers."""

    accepts: bool
    """The terms were accepted on the command line, so nothing is asked."""
    picture_test: bool
    page: Path
    """Where the built page should be."""
    show: Callable[[Sequence[Check]], None]

    async def run(self) -> list[Check]:
        """Do what is to be done and return the checks as they stand afterwards."""
        store = Store.open(configuration.load().data_dir)
        try:
            settings = configuration.load(store.preferences())
            engines = Engines(settings)
            try:
                return await self._attend(Steps(settings, engines, store))
            finally:
                await engines.aclose()
        finally:
            store.close()

    async def _attend(self, steps: Steps) -> list[Check]:
        found = await self._examine(steps)
        self.show(found)
        if _wants(found, "accept-licence"):
            self._agree(steps)
        fetch = _wants(found, "pull") or _wants(found, "download")
        if fetch and self._may(f"{fetch.sentence} {fetch.fix} Go ahead?"):
            await _take(steps.of(fetch.action))
            found = await self._examine(steps)
        if self.picture_test and _wants(found, "selftest"):
            await _take(steps.of("selftest"))
        found = await self._examine(steps)
        typer.echo()
        self.show(found)
        return found

    def _agree(self, steps: Steps) -> None:
        """Show the terms and keep that they were accepted. Raises `LicenceOpen`."""
        typer.echo(f"\n{licence.TITLE} ({licence.VERSION})\n")
        for sentence in licence.SUMMARY:
            typer.echo(f"  - {sentence}")
        typer.echo(f"\nThe terms themselves: {licence.LINK}\n")
        if not self.accepts and not (
            sys.stdin.isatty() and typer.confirm("Do you accept these terms?")
        ):
            raise LicenceOpen
        steps.accept()
        typer.echo("Accepted.")

    async def _examine(self, steps: Steps) -> list[Check]:
        preferences = await asyncio.to_thread(steps.store.preferences)
        return await checks.examine(steps.settings, steps.engines, preferences, self.page)

    def _may(self, question: str) -> bool:
        return self.accepts or not sys.stdin.isatty() or typer.confirm(question, default=True)


def _wants(found: Sequence[Check], action: Action) -> Check | None:
    return next((check for check in found if check.action == action), None)


async def _take(work: Work) -> None:
    """Take a step; where it counts bytes, with their speed and the time left."""
    with Progress(*_PLAIN, console=Console(stderr=True)) as progress:
        task = progress.add_task("Starting", total=None)

        def tell(told: PullProgress) -> None:
            if told.total:
                progress.columns = _MEASURED
            total = told.total or None
            progress.update(task, description=told.step, completed=told.done, total=total)

        sentence = await work(tell)
    typer.echo(sentence)
