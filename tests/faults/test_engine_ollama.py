"""Ollama in trouble: whatever its server does, our error comes out and the next reply works."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from aidoctor.adapters import patience
from aidoctor.adapters.ollama import OllamaEngine
from aidoctor.domain import Delta
from aidoctor.errors import (
    EngineDown,
    EngineRefused,
    ModelBusy,
    ModelFailed,
    ModelMissing,
    ModelOutOfMemory,
    ModelProtocolError,
    ModelSlow,
    PullFailed,
    StreamBroken,
)
from aidoctor.settings import Settings
from tests.kit import tiny_gguf
from tests.kit.engine import ask, user
from tests.kit.ollama_server import Model, OllamaServer, Trouble

CHAT = "/api/chat"


def part(text: str, **more: object) -> bytes:
    """A line of an answer."""
    value = {"model": "m", "created_at": "2026-11-01T00:00:00Z", "done": False} | more
    return json.dumps(value | {"message": {"role": "assistant", "content": text}}).encode() + b"\n"


END = part("", done=True, done_reason="stop")


@pytest.fixture
async def engine(ollama_server: OllamaServer, tmp_path: Path) -> AsyncIterator[OllamaEngine]:
    ollama_server.models["m:latest"] = Model()
    ollama_server.loaded["m:latest"] = 8192
    settings = Settings(ollama_host=ollama_server.url, data_dir=tmp_path)
    made = OllamaEngine(settings)
    yield made
    await made.aclose()


def error(status: int, body: bytes, kind: str = "application/json") -> Trouble:
    return Trouble((body,) if body else (), status, kind)


TABLE = {
    "404": (error(404, b'{"error":"model \'m\' not found"}'), ModelMissing, ""),
    "403 host check": (error(403, b""), EngineRefused, ""),
    "500 memory": (
        error(500, b'{"error":"model requires more system memory (9 GiB) than is available"}'),
        ModelOutOfMemory,
        "",
    ),
    "500 runner": (
        error(500, b'{"error":"model runner has unexpectedly stopped, this may be due to ..."}'),
        ModelOutOfMemory,
        "",
    ),
    "500 other": (error(500, b'{"error":"something odd"}'), ModelFailed, ""),
    "500 list": (error(500, b'["x"]'), ModelProtocolError, ""),
    "302 elsewhere": (error(302, b""), ModelProtocolError, ""),
    "error mid-stream": (Trouble((part("Re"), b'{"error":"it broke"}\n')), ModelFailed, "Re"),
    "memory mid-stream": (
        Trouble((part("Re"), b'{"error":"CUDA error: out of memory"}\n')),
        ModelOutOfMemory,
        "Re",
    ),
    "cut before the first word": (Trouble((), cut=True), StreamBroken, ""),
    "cut after a word": (Trouble((part("Re"),), cut=True), StreamBroken, "Re"),
    "ends without done": (Trouble((part("Re"),)), StreamBroken, "Re"),
    "ends within a mark": (Trouble((part("Re <unus"),)), StreamBroken, "Re <unus"),
    "half a line": (Trouble((part("Re"), b'{"model":"m","mess')), ModelProtocolError, "Re"),
    "html": (Trouble((b"<html>busy</html>\n",), kind="text/html"), ModelProtocolError, ""),
    "a blank line": (Trouble((part("Re"), b"\n", END)), ModelProtocolError, "Re"),
    "a list": (Trouble((part("Re"), b"[1,2]\n")), ModelProtocolError, "Re"),
    "no message": (Trouble((b'{"model":"m","done":false}\n', END)), ModelProtocolError, ""),
    "wrong types": (
        Trouble((b'{"message":{"role":"assistant","content":{"a":1}},"done":false}\n',)),
        ModelProtocolError,
        "",
    ),
}


@pytest.mark.parametrize(("trouble", "kind", "kept"), TABLE.values(), ids=TABLE.keys())
async def test_every_trouble_is_one_of_ours_and_the_next_reply_works(
    ollama_server: OllamaServer,
    engine: OllamaEngine,
    trouble: Trouble,
    kind: type[Exception],
    kept: str,
) -> None:
    """What came before the trouble is kept, the error says what to do, and nothing sticks."""
    ollama_server.fail_next(CHAT, trouble)
    answer = await ask(engine, "m", "My secret is canary-7413")
    assert type(answer.error) is kind
    assert answer.text == kept
    assert "canary" not in repr(answer.error)
    assert answer.error.__cause__ is None
    assert (await ask(engine, "m", "hello")).text == tiny_gguf.PLAIN.text


async def test_broken_utf8_is_shown_as_such(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """A byte that is no UTF-8 becomes the replacement character, not an error."""
    ollama_server.fail_next(CHAT, Trouble((part("Re?t").replace(b"?", b"\xff"), END)))
    answer = await ask(engine, "m", "hello")
    assert answer.error is None
    assert answer.text == "Re\ufffdt"


@pytest.mark.parametrize("before", [(), (part("Re"),)], ids=["before", "between"])
async def test_silence_ends_in_model_slow(
    ollama_server: OllamaServer, tmp_path: Path, before: tuple[bytes, ...]
) -> None:
    """A server that hangs is given up even if nobody else keeps the time."""
    ollama_server.models["m:latest"] = Model()
    ollama_server.loaded["m:latest"] = 8192
    settings = Settings(
        ollama_host=ollama_server.url,
        data_dir=tmp_path,
        first_token_timeout=0.2,
        token_timeout=0.2,
    )
    engine = OllamaEngine(settings)
    ollama_server.fail_next(CHAT, Trouble((*before, 1.5, END)))
    answer = await ask(engine, "m", "hello")
    await engine.aclose()
    assert type(answer.error) is ModelSlow


async def test_a_server_that_is_not_there_is_down(tmp_path: Path) -> None:
    """Nobody listens: EngineDown, for every question."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    engine = OllamaEngine(Settings(ollama_host=address, data_dir=tmp_path))
    assert type((await ask(engine, "m", "hello")).error) is EngineDown
    for question in (engine.health(), engine.ready("m"), anext(engine.pull("m"))):
        with pytest.raises(EngineDown):
            await question
    await engine.aclose()


async def test_a_full_queue_is_asked_again_before_anyone_is_told(
    ollama_server: OllamaServer, engine: OllamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice busy, then an answer; busy for good is ModelBusy."""
    monkeypatch.setattr(patience, "PAUSES", (0.01, 0.01, 0.01))
    busy = error(503, b'{"error":"server busy, please try again.  maximum pending requests"}')
    ollama_server.fail_next(CHAT, busy, busy)
    assert (await ask(engine, "m", "hello")).text == tiny_gguf.PLAIN.text
    ollama_server.fail_next(CHAT, busy, busy, busy, error(503, b"<html>", "text/html"))
    assert type((await ask(engine, "m", "hello")).error) is ModelBusy


async def test_a_picture_is_sent_as_bytes_whatever_they_spell(
    ollama_server: OllamaServer, engine: OllamaEngine, tmp_path: Path
) -> None:
    """Bytes that spell the path of a file are sent as they are; the file is not opened."""
    secret = tmp_path / "secret.png"
    secret.write_text("do not send")
    await ask(engine, "m", user("look", str(secret).encode()))
    (sent,) = ollama_server.asked(CHAT)[-1]["messages"][0]["images"]
    assert sent == b64encode(str(secret).encode()).decode()


async def test_stop_is_felt_by_the_server_at_once(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """After aclose the server writes no more within a second."""
    async with aclosing(engine.reply([user("forever")], model="m")) as reply:
        async for event in reply:
            if isinstance(event, Delta):
                break
    began = time.monotonic()
    while ollama_server.writing:
        assert time.monotonic() - began < 1
        await asyncio.sleep(0.01)


async def test_a_pull_that_breaks_says_so_and_goes_on_the_next_time(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """Cut, or ended without success, is PullFailed or StreamBroken; then it works."""
    ollama_server.library["medgemma:4b"] = [1000]
    line = b'{"status":"pulling abc","digest":"sha256:abc","total":1000,"completed":10}\n'
    ollama_server.fail_next(
        "/api/pull",
        Trouble((line,), cut=True),
        Trouble((line,)),
        Trouble((line, b'{"error":"dial tcp: lookup registry: no such host"}\n')),
        Trouble((line, b'{"error":"write: no space left on device"}\n')),
    )
    for kind in (StreamBroken, PullFailed, PullFailed, PullFailed):
        with pytest.raises(kind):
            async for _ in engine.pull("medgemma:4b"):
                pass
    seen = [progress async for progress in engine.pull("medgemma:4b")]
    assert (seen[-2].done, seen[-2].total) == (1000, 1000)
    assert await engine.ready("medgemma:4b") == "aidoctor-medgemma:4b"


async def test_closing_a_pull_stops_it(ollama_server: OllamaServer, engine: OllamaEngine) -> None:
    """Cancel is felt by the server: it does not finish the model."""
    ollama_server.library["medgemma:4b"] = [1000, 1000, 1000]
    ollama_server.pull_pause = 0.05
    async with aclosing(engine.pull("medgemma:4b")) as pull:
        async for progress in pull:
            if progress.total:
                break
    await asyncio.sleep(1)
    assert "medgemma:4b" not in ollama_server.models
