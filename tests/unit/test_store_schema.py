"""New databases and migrated ones are the same; a start pays only for what it needs."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from aidoctor.errors import StoreError
from aidoctor.store import Store, schema, sqlite
from aidoctor.store.tables import Base
from tests.kit.talk import begun


def migrated(engine: Engine, revision: str = "head") -> None:
    """Take the long way."""
    from alembic import command

    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def statements(connection: Connection) -> set[tuple[str, str]]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(name, " ".join(sql.split())) for name, sql in rows}


def test_a_new_database_is_what_the_migrations_make(tmp_path):
    """Tables, indexes, triggers and the version are the same by both ways, to the letter."""
    Store.open(tmp_path / "new").close()
    old = sqlite.memory_engine()
    migrated(old)
    new = sqlite.file_engine(tmp_path / "new" / sqlite.FILE_NAME)
    with old.connect() as one, new.connect() as two:
        assert statements(one) == statements(two)
        versions = [c.exec_driver_sql("SELECT * FROM alembic_version").all() for c in (one, two)]
        assert versions == [[(schema.HEAD,)]] * 2


def test_the_tables_are_what_the_migrations_make():
    """Alembic finds no difference between the migrated schema and the typed tables."""
    engine = sqlite.memory_engine()
    migrated(engine)
    ours = {"include_name": lambda name, kind, _: kind != "table" or "_search" not in name}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
        assert compare_metadata(context, Base.metadata) == []


def test_the_newest_revision_is_the_one_the_program_knows():
    """`HEAD` is written down so that Alembic need not be imported to know it."""
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]


def test_an_old_database_is_migrated_with_all_it_has(tmp_path):
    """A database from before the search index opens, keeps its words and finds them."""
    path = sqlite.prepare(tmp_path)
    old = sqlite.file_engine(path)
    migrated(old, "0001")
    with old.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO conversations VALUES (1, 'chat-old', 'Ankle', "
            "'2026-01-01 10:00:00.000000', '2026-01-01 10:00:00.000000', 1, 0, 1, 'turn-old')"
        )
        connection.exec_driver_sql(
            "INSERT INTO turns VALUES (1, 'turn-old', 'chat-old', NULL, 'user', 'complete',"
            " '2026-01-01 10:00:00.000000', '', NULL, 'It is swollen', '')"
        )
    old.dispose()
    store = Store.open(tmp_path)
    assert store.turn("turn-old").text == "It is swollen"
    assert [c.id for c in store.conversations("ankle swoll")] == ["chat-old"]
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [(schema.HEAD,)]


def test_a_migration_that_fails_changes_nothing(tmp_path):
    """A migration is one transaction: after a failure the old schema is there, untouched."""
    path = sqlite.prepare(tmp_path)
    old = sqlite.file_engine(path)
    migrated(old, "0001")
    with old.begin() as connection:
        before = statements(connection)
        connection.exec_driver_sql("CREATE TABLE conversations_search (in_the_way TEXT)")
    with pytest.raises(StoreError):
        Store.open(tmp_path)
    with old.begin() as connection:
        connection.exec_driver_sql("DROP TABLE conversations_search")
        assert statements(connection) == before
    old.dispose()
    Store.open(tmp_path).close()


CHILD = """
import sys, time
from pathlib import Path
from aidoctor.store import Store
began = time.perf_counter()
Store.open(Path(sys.argv[1]))
print(time.perf_counter() - began)
print(*sorted(m for m in ("alembic", "reflex", "PIL", "pydantic", "mako") if m in sys.modules))
"""


def opened(folder: Path) -> tuple[float, str]:
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, check=True
    )
    seconds, modules = run.stdout.splitlines()
    return float(seconds), modules


def test_a_start_is_quick_and_imports_no_alembic(tmp_path):
    """A fresh store and an existing one open within 0.3 s, the best of three, without Alembic."""
    runs = [opened(tmp_path / str(n)) for n in range(3)] + [opened(tmp_path / "0")]
    assert min(seconds for seconds, _ in runs[:3]) <= 0.3
    assert runs[3][0] <= 0.3
    assert {modules for _, modules in runs} == {""}


def test_the_pragmas_are_those_promised(tmp_path):
    """WAL, synchronous FULL, foreign keys, secure_delete and five seconds of patience."""
    store = Store.open(tmp_path)
    begun(store)
    with store._database.reading() as session:
        connection = session.connection()
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        found = {n: connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in names}
    assert found["journal_mode"] == "wal"
    assert found["synchronous"] == 2
    assert found["foreign_keys"] == found["secure_delete"] == 1
    assert 4900 <= found["busy_timeout"] <= 5000
    store.close()
