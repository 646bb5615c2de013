"""A process that writes to a store for ever and says what was acknowledged, until it is killed."""

from __future__ import annotations

import os
import secrets
from multiprocessing.connection import Connection
from pathlib import Path

from aidoctor.domain import CleanImage, TurnStatus
from aidoctor.store import Store
from tests.kit.talk import answered, said


def write(data_dir: Path, pipe: Connection) -> None:
    """One line `id text` a write, sent when the call has returned and not before."""
    store = Store.open(data_dir)
    store.interrupt_running()
    chat = store.create().id
    leaf = None

    def acknowledge(turn_id: str, text: str) -> None:
        os.write(pipe.fileno(), f"{turn_id} {text}\n".encode())

    while True:
        text = secrets.token_hex(secrets.randbelow(2000) + 1)
        picture = store.add_attachment(CleanImage(text.encode(), b"model", 1, 1), "x.png")
        leaf = store.add(said(chat, text, leaf), [picture.id]).id
        acknowledge(leaf, text)
        leaf = store.add(answered(chat, "", leaf, status=TurnStatus.STREAMING)).id
        for end in (10, 20, 30):
            store.save_partial(leaf, text[:end], "")
            acknowledge(leaf, text[:end])
        store.finish(leaf, text=text, thought="", status=TurnStatus.COMPLETE, provenance=None)
        acknowledge(leaf, text)
