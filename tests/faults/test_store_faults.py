"""A disk that fails, a file that is not ours: each has its own words and nothing is overwritten."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aidoctor.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreTooNew,
    find,
)
from aidoctor.store import Store
from aidoctor.store.sqlite import FILE_NAME, meaning
from tests.kit.talk import begun, said


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder with a closed store of one conversation."""
    store = Store.open(tmp_path)
    begun(store, "precious")
    store.close()
    return tmp_path


def child(code: str, *arguments: object) -> str:
    """Run Python code in a process of its own and return what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


FULL = """
import resource, sys
from pathlib import Path
from aidoctor.errors import AIDoctorError
from aidoctor.store import Store
from tests.kit.talk import begun, said
store = Store.open(Path(sys.argv[1]))
begun(store, "to be deleted")
chat, _ = begun(store, "before")
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
acknowledged = 0
try:
    while acknowledged < 10_000:
        store.add(said(chat, "x" * 20_000))
        acknowledged += 1
except AIDoctorError as error:
    print(error.code)
print(acknowledged, len(store.turns(chat)) - 1)
try:
    store.delete(store.conversations()[-1].id)
    print("deleted")
except AIDoctorError as error:
    print(error.code, error.what)
print(len(store.conversations()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.add(said(chat, "after"))
print(store.turns(chat)[-1].text)
"""


def test_a_full_disk_loses_nothing_and_is_over_when_there_is_room(tmp_path):
    """At the limit of the file size: StoreFull, all acknowledged turns there, deleting works."""
    code, counts, deletion, listed, after = child(FULL, tmp_path).splitlines()
    acknowledged, kept = map(int, counts.split())
    assert code == StoreFull.code
    assert acknowledged == kept > 0
    assert deletion == "deleted" or deletion.startswith("store-full It is deleted, but traces")
    assert listed == "1"
    assert after == "after"
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_database_at_its_largest_says_full(tmp_path):
    """SQLITE_FULL, as a disk without room gives it, is StoreFull too, and the rest stays."""
    store = Store.open(tmp_path)
    chat, question = begun(store)
    with store._database.writing() as session:
        session.connection().exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(StoreFull):
        store.add(said(chat, "x" * 200_000))
    assert [turn.id for turn in store.turns(chat)] == [question]
    store.close()


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(path: Path) -> Iterator[Callable[[], None]]:
    """Another process holds the write lock until the function is called."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"

    def release() -> None:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]

    try:
        yield release
    finally:
        process.kill()
        process.wait()


def test_a_locked_database_is_waited_for_five_seconds_and_no_longer(data_dir):
    """Also for those who wait behind the one who waits; reading goes on all the while."""
    store = Store.open(data_dir)
    chat = store.conversations()[0].id
    waits: list[float] = []

    def write(delay: float) -> None:
        time.sleep(delay)
        began = time.monotonic()
        with pytest.raises(StoreLocked):
            store.add(said(chat, "x"))
        waits.append(time.monotonic() - began)

    with held(data_dir / FILE_NAME):
        threads = [threading.Thread(target=write, args=(delay,)) for delay in (0, 0.1, 1)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        assert len(store.turns(chat)) == 1
        assert time.monotonic() - began < 1
        for thread in threads:
            thread.join()
    assert len(waits) == 3
    assert min(waits) >= 4.5
    assert max(waits) <= 5.8
    store.add(said(chat, "now"))
    store.close()


def test_a_lock_that_goes_in_time_is_not_noticed(data_dir):
    """A write succeeds when the other is done after a second."""
    store = Store.open(data_dir)
    with held(data_dir / FILE_NAME) as release:
        timer = threading.Timer(1, release)
        timer.start()
        store.add(said(store.conversations()[0].id, "patient"))
        timer.join()
    store.close()


def test_a_reader_from_outside_holds_the_traces_and_that_is_said(data_dir):
    """The conversation is gone; that the log still has it is an error, mended by the next one."""
    store = Store.open(data_dir)
    chat, other = store.conversations()[0].id, begun(store, "other")[0]
    with closing(sqlite3.connect(data_dir / FILE_NAME, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM turns").fetchall()
        with pytest.raises(StoreLocked, match="wal_checkpoint") as caught:
            store.delete(chat)
        assert "deleted" in caught.value.what
    assert [c.id for c in store.conversations()] == [other]
    store.delete(other)
    files = [path.read_bytes() for path in data_dir.iterdir()]
    assert not any(b"precious" in content for content in files)
    store.close()


def damaged(content: bytes) -> dict[str, bytes]:
    """A database file with all kinds of damage."""
    rng = random.Random(3)
    noise = rng.randbytes(len(content))
    return {
        "not a database": b"Dear diary, " * 1000,
        "header overwritten": b"\0" * 100 + content[100:],
        "second half missing": content[: len(content) // 2],
        "noise in the middle": content[:8192] + noise[8192:],
        "schema page gone": content[:100] + noise[100:4096] + content[4096:],
        "cut inside a page": content[:-1000],
    }


KINDS = list(damaged(b"x" * 10_000))


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrupt_file_is_refused_and_left_as_it_is(data_dir, kind):
    """StoreCorrupt, no byte of the file changed, no new files in its place, twice over."""
    path = data_dir / FILE_NAME
    content = damaged(path.read_bytes())[kind]
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreCorrupt) as caught:
            Store.open(data_dir)
        assert FILE_NAME in caught.value.fix
        assert path.read_bytes() == content


def test_damage_met_while_running_is_said_as_such(data_dir):
    """Pages that go bad under an open store give StoreCorrupt, not a foreign exception."""
    store = Store.open(data_dir)
    path = data_dir / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(content[:4096] + random.Random(5).randbytes(len(content) - 4096))
    with pytest.raises(StoreCorrupt):
        store.conversations()
    with pytest.raises(StoreError):
        begun(store)
    store.close()


def edited(data_dir: Path, *statements: str) -> bytes:
    with closing(sqlite3.connect(data_dir / FILE_NAME, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (data_dir / FILE_NAME).read_bytes()


@pytest.mark.parametrize("version", ["0003", "0100", "9999"])
def test_a_newer_database_is_refused_and_left_as_it_is(data_dir, version):
    """StoreTooNew, and no byte changed."""
    content = edited(data_dir, f"UPDATE alembic_version SET version_num = '{version}'")
    with pytest.raises(StoreTooNew):
        Store.open(data_dir)
    assert (data_dir / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE alembic_version",
        "DELETE FROM alembic_version",
        "UPDATE alembic_version SET version_num = 'abc'",
        "UPDATE alembic_version SET version_num = ''",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
def test_a_database_of_something_else_is_refused_and_left_as_it_is(data_dir, change):
    """A file without a version that we know is not ours to change."""
    content = edited(data_dir, change)
    with pytest.raises(StoreCorrupt):
        Store.open(data_dir)
    assert (data_dir / FILE_NAME).read_bytes() == content


READ_ONLY = """
import os, sys
from pathlib import Path
from aidoctor.errors import AIDoctorError
from aidoctor.store import Store
Store.in_memory()  # so that everything is imported
if sys.argv[2:]:
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
try:
    Store.open(Path(sys.argv[1]))
except AIDoctorError as error:
    print(error.code)
"""


@pytest.fixture
def anybody() -> Iterator[tuple[Path, int | None]]:
    """A store owned by a user without privileges, whom file modes bind, and that user."""
    user = 65534 if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="aidoctor-test-"))
    try:
        store = Store.open(folder / "data")
        begun(store)
        store.close()
        if user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user)
        yield folder / "data", user
    finally:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["the folder", "the file", "a folder of somebody else"])
def test_what_cannot_be_written_is_said(anybody, what):
    """Run as a user whom permissions bind: StoreReadOnly, and no byte changed."""
    data_dir, user = anybody
    path = data_dir / FILE_NAME
    content = path.read_bytes()
    target = data_dir
    if what == "the file":
        path.chmod(0o400)
    elif what == "the folder":
        data_dir.chmod(0o500)
    else:
        data_dir.parent.chmod(0o500)
        target = data_dir.parent / "new"
    assert child(READ_ONLY, target, *([] if user is None else [user])) == StoreReadOnly.code
    assert path.read_bytes() == content


def test_a_folder_that_is_a_file_is_said(tmp_path):
    """`data_dir` may name something that is no folder."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreReadOnly):
        Store.open(tmp_path / "file" / "data")
    with pytest.raises(StoreReadOnly):
        Store.open(tmp_path / "file")


def test_every_store_error_has_its_own_code_and_says_what_to_do():
    """Codes are unique, and each leaf has its own sentence and its own fix."""
    pending, leaves = list(StoreError.__subclasses__()), []
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        leaves.append(kind)
    assert len({kind.code for kind in leaves}) == len(leaves)
    assert len({kind.what for kind in leaves}) == len({kind.fix for kind in leaves}) == len(leaves)
    assert all(find(kind.code) is kind for kind in leaves)


def test_errors_hold_no_words_of_people(tmp_path):
    """An error of the database names a code; the text that was being saved is not in it."""
    store = Store.open(tmp_path)
    chat, _ = begun(store)
    with store._database.writing() as session:
        session.connection().exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(StoreFull) as caught:
        store.add(said(chat, "PHI-CANARY " * 30_000))
    error: BaseException | None = caught.value
    assert error.__suppress_context__
    assert "CANARY" not in repr(error) + str(error) + str(vars(error))
    store.close()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_IOERR_WRITE", "store-full"),
        ("SQLITE_IOERR_FSYNC", "store-disk"),
        ("SQLITE_BUSY_SNAPSHOT", "store-locked"),
        ("SQLITE_CORRUPT_VTAB", "store-corrupt"),
        ("SQLITE_READONLY_DIRECTORY", "store-read-only"),
        ("SQLITE_CANTOPEN_ISDIR", "store-read-only"),
        ("SQLITE_CONSTRAINT_UNIQUE", "store"),
    ],
)
def test_extended_codes_mean_what_their_family_means(name, code):
    """SQLite's finer codes are read from the finest to the coarsest."""
    error = sqlite3.OperationalError("x")
    error.sqlite_errorname = name  # type: ignore[misc]
    assert meaning(error).code == code
