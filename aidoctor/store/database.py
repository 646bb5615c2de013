"""One database and its transactions: many readers, one writer, every error translated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from aidoctor.errors import StoreClosed, StoreFull, StoreLocked
from aidoctor.store import schema, sqlite


class Database:
    """Transactions over an engine. In memory there is one connection, so readers queue as well."""

    def __init__(self, engine: Engine, *, in_memory: bool) -> None:
        self.in_memory = in_memory
        self._engine = engine
        self._turnstile = RLock()
        self._open = True
        self._rewriting = False

    @classmethod
    def open(cls, data_dir: Path) -> Database:
        """The database of a folder, made or brought to the newest schema where needed."""
        path = sqlite.prepare(data_dir)
        sqlite.examine(path)
        database = cls(sqlite.file_engine(path), in_memory=False)
        try:
            with database.writing() as session:
                schema.settle(session.connection())
        except BaseException:
            database._engine.dispose()
            raise
        return database

    @classmethod
    def memory(cls) -> Database:
        """A database that ends with the process."""
        database = cls(sqlite.memory_engine(), in_memory=True)
        with database.writing() as session:
            schema.settle(session.connection())
        return database

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        if self.in_memory:
            with self.writing() as session:
                yield session
            return
        with sqlite.translated(), self._session() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is on the disk when the block ends. Raises `StoreLocked` and kin."""
        deadline = self._enter()
        try:
            with sqlite.translated(), self._session() as session, session.begin():
                wait = max(0.0, deadline - time.monotonic())
                session.connection(execution_options={"write_wait": wait})
                yield session
        finally:
            self._turnstile.release()

    def forget(self) -> None:
        """After a deletion: leave no byte of it in any file.

        Raises `StoreFull` or `StoreLocked` where that is not possible now; the deletion itself
        stands, and the next one takes the traces along.
        """
        if self.in_memory:
            return
        try:
            with self._turnstile, sqlite.translated():
                self._rewriting = True
                sqlite.rewrite(self._engine)
                sqlite.empty_log(self._engine)
        except (StoreFull, StoreLocked) as error:
            raise type(error)(
                error.detail,
                what="It is deleted, but traces of it are still in the file. " + error.what,
            ) from None
        finally:
            self._rewriting = False

    def empty_log(self) -> None:
        """Cut the write-ahead log, so that it does not keep what has just been dropped."""
        if not self.in_memory:
            with self._turnstile, sqlite.translated():
                sqlite.empty_log(self._engine)

    def close(self) -> None:
        """Let go of the file; every later use raises `StoreClosed`."""
        with self._turnstile:
            self._open = False
            self._engine.dispose()

    def _enter(self) -> float:
        """Wait for the turn to write and return when patience ends; a rewrite is waited out."""
        while True:
            deadline = time.monotonic() + sqlite.PATIENCE
            if self._turnstile.acquire(timeout=sqlite.PATIENCE):
                return deadline
            if not self._rewriting:
                raise StoreLocked("turnstile")

    def _session(self) -> Session:
        if not self._open:
            raise StoreClosed
        return Session(self._engine)
