"""A process that dies at any moment loses nothing that it has acknowledged."""

import multiprocessing
import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from aidoctor.domain import TurnStatus
from aidoctor.store import Store
from aidoctor.store.sqlite import FILE_NAME
from tests.kit.writer import write

KILLS = 100


def until_killed(context: multiprocessing.context.ForkServerContext, folder: Path, after: float):
    """The acknowledged texts, by turn, of a writer that is killed `after` seconds of writing."""
    reading, writing = multiprocessing.Pipe(duplex=False)
    process = context.Process(target=write, args=(folder, writing))
    process.start()
    writing.close()
    received = b""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        if reading.poll(0.002):
            received += os.read(reading.fileno(), 1 << 16)
            deadline = deadline or time.monotonic() + after
    process.kill()
    process.join()
    while part := os.read(reading.fileno(), 1 << 16):
        received += part
    reading.close()
    # A line cut by the kill was not acknowledged.
    lines = received.decode().split("\n")[:-1]
    return dict(line.split(" ") for line in lines)


def test_a_hundred_kills_lose_no_acknowledged_turn(tmp_path):
    """Kill -9 at random moments of writing: every acknowledged text is there, the file whole."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.kit.writer"])
    rng = random.Random(11)
    acknowledged: dict[str, str] = {}
    wrong: list[str] = []
    for kill in range(KILLS):
        new = until_killed(context, tmp_path, rng.uniform(0, 0.12))
        assert new, "nothing was written before the kill"
        acknowledged |= new
        store = Store.open(tmp_path)
        store.interrupt_running()
        # The write after the last acknowledged one may be there as well.
        last = list(new)[-1]
        for turn_id, text in new.items():
            kept = store.turn(turn_id).text
            if not (kept == text or (turn_id == last and kept.startswith(text))):
                wrong.append(f"{kill}: {turn_id}")
        store.close()
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert wrong == []
    store = Store.open(tmp_path)
    turns = [turn for chat in store.conversations() for turn in store.turns(chat.id)]
    assert acknowledged.keys() <= {turn.id for turn in turns}
    assert all(turn.status is not TurnStatus.STREAMING for turn in turns)
    views = [
        store.attachment_view(picture.id) == turn.text.encode()
        for turn in turns
        for picture in turn.attachments
    ]
    assert all(views)
    assert len(views) >= KILLS
    store.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        check = "INSERT INTO turns_search(turns_search, rank) VALUES ('integrity-check', 1)"
        connection.execute(check)
    print(f"{KILLS} kills, {len(acknowledged)} turns acknowledged, none lost")
