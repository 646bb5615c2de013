"""Model files for the embedded engine, from the hub into the data folder.

The work is done by the process in `fetch.py`; here it is started, watched and ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aidoctor import errors
from aidoctor.domain import PullProgress
from aidoctor.errors import DownloadStalled, DownloadUnverifiable, SetupError
from aidoctor.settings import is_loopback
from aidoctor.setup.needs import HubFile

STALLED_AFTER = 60.0
"""Seconds without a byte until a download counts as stalled."""
_STEPS = {"fetch": "Downloading", "check": "Checking"}


async def download(
    files: Sequence[HubFile], folder: Path, endpoint: str, *, stalled_after: float = STALLED_AFTER
) -> AsyncGenerator[PullProgress, None]:
    """Bring `files` into `folder`, in bytes over all of them; closing this ends the download.

    What has arrived stays for the next time. A file stands under its name only whole and with the
    SHA-256 that the hub announces. Raises a `SetupError`.
    """
    address = urlsplit(endpoint)
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        raise DownloadUnverifiable  # a digest that anyone on the way could change proves nothing
    order = {
        "endpoint": endpoint.rstrip("/"),
        "folder": str(folder),
        "files": [[file.repo, file.name] for file in files],
    }
    process = await _start()
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")  # type: ignore[union-attr]
        yield PullProgress("Asking the server")
        while "end" not in (line := await _line(process, stalled_after)):
            if "error" in line:
                raise errors.find(line["error"])()
            step = f"{_STEPS[line['step']]} {line['name']}"
            yield PullProgress(step, line["done"], line["total"])
    finally:
        await _end(process)


async def _start() -> Process:
    """The process, apart from the terminal's Ctrl-C and from modules in the working folder."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "aidoctor.setup.fetch"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=os.name == "posix",
    )


async def _line(process: Process, stalled_after: float) -> dict[str, Any]:
    """The next line. Raises `DownloadStalled`, or `SetupError` where the process has ended."""
    try:
        async with asyncio.timeout(stalled_after):
            line = await process.stdout.readline()  # type: ignore[union-attr]
    except TimeoutError:
        raise DownloadStalled from None
    if not line:
        raise SetupError("the download process ended by itself")
    said: dict[str, Any] = json.loads(line)
    return said


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
