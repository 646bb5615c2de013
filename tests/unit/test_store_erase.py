"""What is deleted is in no byte of any file any more."""

import random
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from aidoctor.domain import CleanImage, TurnStatus
from aidoctor.store import Store, sqlite
from tests.kit.talk import answered, said


def traces(folder: Path, word: str) -> list[str]:
    """The files that hold `word`, or the end of it, which the index keeps in lower case."""
    probes = (word.lower().encode(), word[-8:].lower().encode())
    held = {path.name: path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()}
    return [name for name, content in held.items() if any(probe in content for probe in probes)]


def canary(rng: random.Random) -> str:
    return "Canary" + "".join(rng.choices("bcdfghjkmnpqrstvwxz", k=14))


def fill(store: Store, chat: str, word: str, rng: random.Random) -> None:
    """Plant `word` in the title, in text, thoughts, names and both encodings of pictures."""
    leaf = store.conversation(chat).leaf_id
    long = (word + " words ") * rng.randint(1, rng.choice([3, 30, 300]))
    pictures = []
    if rng.random() < 0.4:
        view, model = (word.encode() * rng.randint(1, 2000) for _ in range(2))
        pictures = [store.add_attachment(CleanImage(view, model, 1, 1, word), f"{word}.png").id]
    leaf = store.add(said(chat, long, leaf), pictures).id
    answer = store.add(answered(chat, "", leaf, status=TurnStatus.STREAMING)).id
    for part in range(rng.randint(1, 6)):
        store.save_partial(answer, long * part, word)
    store.finish(answer, text=long, thought=word, status=TurnStatus.COMPLETE, provenance=None)
    if rng.random() < 0.3:
        store.rename(chat, f"{word} {word}")


@pytest.mark.parametrize("seed", range(6))
def test_no_file_holds_a_byte_of_a_deleted_conversation(tmp_path, seed):
    """Six interleaved conversations, deleted one by one: each leaves, the others stay whole."""
    rng = random.Random(seed)
    store = Store.open(tmp_path)
    words = {store.create().id: canary(rng) for _ in range(6)}
    for _ in range(40):
        chat = rng.choice(list(words))
        fill(store, chat, words[chat], rng)
    left = dict(words)
    for chat in rng.sample(list(words), k=6):
        fill(store, chat, words[chat], rng)
        assert traces(tmp_path, words[chat])
        store.delete(chat)
        assert traces(tmp_path, left.pop(chat)) == []
        for other, word in left.items():
            assert all(word in turn.text for turn in store.turns(other))
    store.close()
    assert [word for word in words.values() if traces(tmp_path, word)] == []


def test_deleting_all_leaves_nothing_but_the_preferences(tmp_path):
    """Also pictures that were attached and never sent."""
    rng = random.Random(99)
    store = Store.open(tmp_path)
    word = canary(rng)
    for _ in range(10):
        fill(store, store.create().id, word, rng)
    store.add_attachment(CleanImage(word.encode(), word.encode(), 1, 1), word)
    store.prefer("theme", "dark")
    store.delete_all()
    assert traces(tmp_path, word) == []
    assert store.conversations() == []
    assert store.preferences() == {"theme": "dark"}
    store.close()


def test_the_index_forgets_the_words(tmp_path):
    """The vocabulary of both indexes has no word of a deleted conversation."""
    store = Store.open(tmp_path)
    kept, gone = store.create(), store.create()
    store.add(said(kept.id, "umbrella"))
    store.add(said(gone.id, "xylophone"))
    store.rename(gone.id, "zeppelin")
    store.delete(gone.id)
    store.close()
    words = set()
    with closing(sqlite3.connect(tmp_path / "conversations.sqlite3")) as connection:
        for table in ("turns", "conversations"):
            index = f"fts5vocab(main, {table}_search, row)"
            connection.execute(f"CREATE VIRTUAL TABLE temp.{table}_words USING {index}")
            words |= {row[0] for row in connection.execute(f"SELECT term FROM {table}_words")}
        check = "INSERT INTO turns_search(turns_search, rank) VALUES ('integrity-check', 1)"
        connection.execute(check)
    assert words == {"umbrella"}


def test_the_file_shrinks_when_pictures_go(tmp_path):
    """Deleting gives the space back, and no copy stays behind in the folder."""
    store = Store.open(tmp_path)
    chat = store.create().id
    picture = CleanImage(b"v" * 2_000_000, b"m" * 1_000_000, 1, 1)
    store.add(said(chat, "look"), [store.add_attachment(picture, "x").id])
    store.delete(chat)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["conversations.sqlite3"] < 200_000
    assert sizes["conversations.sqlite3-wal"] == 0
    assert set(sizes) <= {f"conversations.sqlite3{end}" for end in ("", "-wal", "-shm")}
    store.close()


def test_reading_goes_on_while_a_conversation_is_deleted(tmp_path):
    """A reader in another thread neither fails nor keeps the log alive."""
    store = Store.open(tmp_path)
    kept = store.create().id
    store.add(said(kept, "here"))
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        while not stop.is_set():
            try:
                assert len(store.turns(kept)) == 1
            except BaseException as error:
                failures.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for n in range(20):
            chat = store.create().id
            store.add(said(chat, f"Evanescent{n}quux"))
            store.delete(chat)
            assert traces(tmp_path, f"Evanescent{n}quux") == []
    finally:
        stop.set()
        reader.join()
    assert failures == []
    store.close()


def test_who_writes_during_a_long_rewrite_waits_for_its_end(tmp_path, monkeypatch):
    """A large file takes longer to rewrite than we wait for others; nobody is turned away."""
    rewrite = sqlite.rewrite

    def long_rewrite(engine: Engine) -> None:
        begun.set()
        time.sleep(0.7)
        rewrite(engine)

    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    monkeypatch.setattr(sqlite, "rewrite", long_rewrite)
    begun = threading.Event()
    store = Store.open(tmp_path)
    kept, gone = store.create().id, store.create().id
    deletion = threading.Thread(target=store.delete, args=(gone,))
    deletion.start()
    assert begun.wait(5)
    store.add(said(kept, "meanwhile"))
    deletion.join()
    assert [c.id for c in store.conversations()] == [kept]
    store.close()
