"""Everything that is open while the program runs: settings, records, engines, consultation.

Importing opens nothing; the application's lifespan does, and closes it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aidoctor import instance
from aidoctor import settings as configuration
from aidoctor.consultation import Consultation
from aidoctor.engines import Engines
from aidoctor.errors import AIDoctorError
from aidoctor.imaging import ImageCleaner
from aidoctor.records import Records
from aidoctor.settings import Settings
from aidoctor.setup.jobs import Jobs
from aidoctor.store import Store


@dataclass(frozen=True, slots=True)
class Practice:
    """The open parts, each made once."""

    settings: Settings
    records: Records
    engines: Engines
    images: ImageCleaner
    consultation: Consultation
    setup: Jobs


UNSENT = timedelta(days=1)
"""How long a picture waits for its message."""

_open: Practice | None = None


def practice() -> Practice:
    """The open practice. Raises `AIDoctorError` before the application has started."""
    if _open is None:
        raise AIDoctorError("the application has not started")
    return _open


@asynccontextmanager
async def opened() -> AsyncGenerator[Practice, None]:
    """Open the practice for as long as the application runs, alone in its data folder.

    Raises `AlreadyRunning` where another process has the folder, and what opening may raise.
    """
    global _open
    data_dir = configuration.load().data_dir
    with instance.held(data_dir):
        _open = await asyncio.to_thread(_assemble, data_dir)
        try:
            yield _open
        finally:
            await _close(_open)
            _open = None


def _assemble(data_dir: Path) -> Practice:
    store = Store.open(data_dir)
    store.interrupt_running()
    store.sweep_unclaimed(UNSENT)
    settings = configuration.load(store.preferences())
    records = Records(store, Store.in_memory())
    engines = Engines(settings)
    consultation = Consultation(settings, records, engines)
    return Practice(settings, records, engines, ImageCleaner(), consultation, Jobs())


async def _close(practice: Practice) -> None:
    await practice.setup.cancel()
    await practice.consultation.aclose()
    await practice.engines.aclose()
    await practice.images.aclose()
    practice.records.close()
