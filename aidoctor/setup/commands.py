"""`aidoctor doctor` and `aidoctor setup`: the checks, and what to do about them, in a terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from aidoctor import settings as configuration
from aidoctor.errors import AIDoctorError
from aidoctor.settings import Settings
from aidoctor.setup.check import Check, State, failed, healthy

_MARKS = {State.OK: "✓", State.TODO: "→", State.WARNING: "!", State.FAILED: "✗"}
_COLOURS = {State.OK: "green", State.TODO: "cyan", State.WARNING: "yellow", State.FAILED: "red"}


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Check this installation: every need with ✓ or its fix.

    Ends with status 0 when nothing is left to do (warnings do not count), else 1.
    """
    found = asyncio.run(_diagnose())
    if as_json:
        report = {"healthy": healthy(found), "checks": [check.as_dict() for check in found]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        show(found)
    raise typer.Exit(0 if healthy(found) else 1)


def setup_command(
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the terms of MedGemma; ask nothing.")
    ] = False,
    picture_test: Annotated[
        bool,
        typer.Option(
            help="Show the model a test picture at the end; minutes without a graphics card."
        ),
    ] = True,
) -> None:
    """Fetch what is missing, step by step. Ctrl-C stops it; the next time goes on from there."""
    from aidoctor.settings import PAGE
    from aidoctor.setup.terminal import Interview

    interview = Interview(accept_licence, picture_test, PAGE, show)
    try:
        found = asyncio.run(interview.run())
    except KeyboardInterrupt:
        typer.echo("\nStopped. What has arrived is kept: run `aidoctor setup` again to go on.")
        raise typer.Exit(130) from None
    raise typer.Exit(0 if healthy(found) else 1)


def show(found: Sequence[Check]) -> None:
    """Print each check as a line, with the one thing to do below it."""
    width = max(len(check.title) for check in found)
    for check in found:
        mark = typer.style(_MARKS[check.state], fg=_COLOURS[check.state], bold=True)
        typer.echo(f"{mark} {check.title:<{width}}  {check.sentence}")
        if check.state is not State.OK:
            for line in filter(None, (check.fix, check.command and f"$ {check.command}")):
                typer.echo(f"  {'':<{width}}  {line}")


async def _diagnose() -> list[Check]:
    """The checks as they stand, without changing anything."""
    try:
        settings = configuration.load()
    except AIDoctorError as error:
        return [failed("settings", "Settings", error)]
    records = Check("records", "Conversations", State.OK, "They can be read.")
    preferences: Mapping[str, str] = {}
    try:
        preferences = await asyncio.to_thread(chosen, settings.data_dir)
        settings = configuration.load(preferences)
    except AIDoctorError as error:
        records = failed("records", "Conversations", error)
    return [
        Check("settings", "Settings", State.OK, "All settings are valid."),
        records,
        *await _examine(settings, preferences),
    ]


async def _examine(settings: Settings, preferences: Mapping[str, str]) -> list[Check]:
    from aidoctor.engines import Engines
    from aidoctor.settings import PAGE
    from aidoctor.setup import checks

    engines = Engines(settings)
    try:
        return await checks.examine(settings, engines, preferences, PAGE)
    finally:
        await engines.aclose()


def chosen(data_dir: Path) -> Mapping[str, str]:
    """What the person chose on the page; nothing where nothing has been stored yet."""
    from aidoctor.store import Store
    from aidoctor.store.sqlite import FILE_NAME

    if not (data_dir / FILE_NAME).exists():
        return {}
    store = Store.open(data_dir)
    try:
        return store.preferences()
    finally:
        store.close()
