"""What is special to SQLite: the file, the pragmas, the checks and the meaning of its errors."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy import exc as sa

from aidoctor.errors import (
    StoreCorrupt,
    StoreDiskFailing,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
)

FILE_NAME: Final = "conversations.sqlite3"
PATIENCE: Final = 5.0
"""Seconds that a write waits for others."""
CHECK_SECONDS: Final = 0.2
"""Time given to the check of an existing file at start; large files are checked in part."""

_MEANING: Final[dict[str, type[StoreError]]] = {
    "SQLITE_FULL": StoreFull,
    "SQLITE_IOERR_WRITE": StoreFull,  # a quota or a file size limit reached says this
    "SQLITE_IOERR": StoreDiskFailing,
    "SQLITE_BUSY": StoreLocked,
    "SQLITE_LOCKED": StoreLocked,
    "SQLITE_CORRUPT": StoreCorrupt,
    "SQLITE_NOTADB": StoreCorrupt,
    "SQLITE_READONLY": StoreReadOnly,
    "SQLITE_CANTOPEN": StoreReadOnly,
    "SQLITE_PERM": StoreReadOnly,
}


def meaning(error: BaseException) -> StoreError:
    """What an error of the driver means for the person; the detail is the code alone."""
    name = str(getattr(error, "sqlite_errorname", type(error).__name__))
    while name and name not in _MEANING:
        name, _, _ = name.rpartition("_")
    return _MEANING.get(name, StoreError)(getattr(error, "sqlite_errorname", type(error).__name__))


@contextmanager
def translated() -> Iterator[None]:
    """Let only our own errors out."""
    try:
        yield
    except sa.DBAPIError as error:
        raise meaning(error.orig or error) from None
    except sqlite3.Error as error:
        raise meaning(error) from None
    except sa.TimeoutError:
        raise StoreLocked("pool") from None
    except sa.SQLAlchemyError as error:
        raise StoreError(type(error).__name__) from None
    except OSError as error:
        raise StoreReadOnly(type(error).__name__) from None


def prepare(data_dir: Path) -> Path:
    """Make the private folder and the private file, and return the file."""
    with translated():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if data_dir.stat().st_mode & 0o077:
            data_dir.chmod(0o700)
        path = data_dir / FILE_NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return path


def examine(path: Path) -> None:
    """Refuse a damaged file before anything can write to it: `StoreCorrupt`."""
    if path.stat().st_size == 0:
        return
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with translated(), closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as connection:
        deadline = time.monotonic() + CHECK_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_INTERRUPT":
                raise
            return
        if verdict != ("ok",):
            raise StoreCorrupt("quick_check")


def file_engine(path: Path) -> Engine:
    """The engine of a file, with several connections."""
    return _prepared(create_engine(f"sqlite:///{path}", hide_parameters=True))


def memory_engine() -> Engine:
    """The engine of a database in memory, with the one connection that holds it."""
    engine = create_engine(
        "sqlite://",
        hide_parameters=True,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )
    return _prepared(engine)


def _prepared(engine: Engine) -> Engine:
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begin)
    return engine


def _connected(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin
    connection.execute(_patience(PATIENCE))
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once where a write is announced by `write_wait`, in seconds."""
    wait = connection.get_execution_options().get("write_wait")
    connection.exec_driver_sql(_patience(PATIENCE if wait is None else wait))
    connection.exec_driver_sql("BEGIN" if wait is None else "BEGIN IMMEDIATE")


def _patience(seconds: float) -> str:
    return f"PRAGMA busy_timeout={seconds * 1000:.0f}"


@contextmanager
def _alone(engine: Engine) -> Iterator[sqlite3.Cursor]:
    """A cursor outside any transaction."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(_patience(PATIENCE))
        yield cast(sqlite3.Cursor, cursor)


def rewrite(engine: Engine) -> None:
    """Write the file anew from what is alive.

    secure_delete zeroes deleted cells and pages, but not the old copies that remain between the
    cells of a page when its rows were moved; about one deletion in a hundred leaves such a trace.
    """
    folder = str(Path(str(engine.url.database)).parent).replace("'", "''")
    with _alone(engine) as cursor:
        # The copy is made in the private folder, not in the memory and not in the folder of all.
        cursor.execute(f"PRAGMA temp_store_directory='{folder}'")
        cursor.execute("PRAGMA temp_store=FILE")
        try:
            cursor.execute("VACUUM")
        finally:
            cursor.execute("PRAGMA temp_store=MEMORY")


def empty_log(engine: Engine) -> None:
    """Write the log back and cut it to nothing, so that it holds no trace of what was deleted."""
    with _alone(engine) as cursor:
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreLocked("wal_checkpoint")
