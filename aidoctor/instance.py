"""One process per data folder: a lock, and beside it a note of where the page is.

What is marked interrupted at start must not be another process's running answer, so whoever opens
the store holds the lock first. Holding it twice in one process is fine: the launcher holds it from
the first moment, and the application's lifespan holds it for those who come by `reflex run`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from aidoctor.errors import AlreadyRunning, NoRoom

LOCK = "instance.lock"
NOTE = "instance.json"


@contextlib.contextmanager
def held(data_dir: Path, address: str | None = None) -> Iterator[None]:
    """Hold the data folder, and note `address` where another start should find the page.

    Raises `AlreadyRunning` where another process holds it, `NoRoom` where it cannot be written.
    """
    lock = FileLock(data_dir / LOCK, timeout=0, is_singleton=True, thread_local=False)
    note = data_dir / NOTE
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
        if address:
            note.write_text(json.dumps({"pid": os.getpid(), "address": address}))
    except Timeout:
        raise AlreadyRunning from None
    except OSError as error:
        lock.release()
        raise NoRoom(what=f"The data folder {data_dir} cannot be written.") from error
    try:
        yield
    finally:
        if address:
            note.unlink(missing_ok=True)
        lock.release()


def running_address(data_dir: Path) -> str | None:
    """Where the process that holds the data folder shows its page, if it has said so."""
    try:
        note = json.loads((data_dir / NOTE).read_text())
        return str(note["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
