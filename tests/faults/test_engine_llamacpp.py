"""The embedded engine in trouble: crashes, unreadable files, lost parents, nosy neighbours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import psutil
import pytest

from aidoctor.adapters import llamacpp_child
from aidoctor.adapters.llamacpp import LlamaCppEngine
from aidoctor.domain import Delta
from aidoctor.errors import EngineMissing, ModelCrashed, ModelMissing, ModelUnreadable
from aidoctor.settings import Settings
from tests.kit import tiny_gguf
from tests.kit.engine import TinyModel, ask, collect, user


@pytest.fixture
def settings(tiny_model: TinyModel, tmp_path: Path) -> Settings:
    return Settings(gguf=tiny_model.gguf, mmproj=tiny_model.mmproj, threads=1, data_dir=tmp_path)


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[LlamaCppEngine]:
    made = LlamaCppEngine(settings)
    yield made
    await made.aclose()


def child() -> psutil.Process:
    """The one child of ours that runs llama.cpp on behalf of the engine under test."""
    found = [
        process
        for process in psutil.Process().children()
        if llamacpp_child.__file__ in process.cmdline() and process.status() != "zombie"
    ]
    return max(found, key=lambda process: process.create_time())


async def test_a_crash_ends_one_answer_and_the_next_works(
    engine: LlamaCppEngine, tiny_model: TinyModel
) -> None:
    """Killed mid-answer: ModelCrashed with the partial text, then a new child answers."""
    reply = engine.reply([user("forever")], model=tiny_model.name)
    async with aclosing(reply):
        async for event in reply:
            if isinstance(event, Delta):
                break
        child().kill()
        rest = await collect(reply)
    assert type(rest.error) is ModelCrashed
    assert (await ask(engine, tiny_model.name, "hello")).text == tiny_gguf.PLAIN.text


async def test_a_crash_between_answers_is_not_even_seen(
    engine: LlamaCppEngine, tiny_model: TinyModel
) -> None:
    """Killed while idle: the next reply starts it again."""
    await ask(engine, tiny_model.name, "hello")
    child().kill()
    await asyncio.sleep(0.3)
    assert (await ask(engine, tiny_model.name, "fever")).text == tiny_gguf.FEVER.text


async def test_crash_after_crash_leaves_nothing_behind(
    engine: LlamaCppEngine, tiny_model: TinyModel
) -> None:
    """Ten crashes: it comes back each time, without a growing number of open files."""
    await ask(engine, tiny_model.name, "hello")
    before = psutil.Process().num_fds()
    for _ in range(10):
        child().kill()
        await asyncio.sleep(0.05)
        answer = await ask(engine, tiny_model.name, "hello")
        if answer.error:  # killed, but not yet noticed
            assert type(answer.error) is ModelCrashed
            answer = await ask(engine, tiny_model.name, "hello")
        assert answer.text == tiny_gguf.PLAIN.text
    assert psutil.Process().num_fds() <= before + 2


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF\x03\0\0\0" + b"\xff" * 200])
async def test_a_file_that_is_no_model_is_unreadable(settings: Settings, content: bytes) -> None:
    """A damaged file is ModelUnreadable, each time, and no child stays."""
    bad = settings.data_dir / "bad.gguf"
    bad.write_bytes(content)
    engine = LlamaCppEngine(settings.model_copy(update={"gguf": bad}))
    for _ in range(2):
        assert type((await ask(engine, "bad", "hello")).error) is ModelUnreadable
    await engine.aclose()
    children = psutil.Process().children()
    assert not [p for p in children if p.status() == "zombie"]


async def test_a_model_cut_short_is_unreadable(settings: Settings, tiny_model: TinyModel) -> None:
    """Half a download does not take the program with it; the reason is llama.cpp's."""
    half = settings.data_dir / "half.gguf"
    half.write_bytes(tiny_model.gguf.read_bytes()[:2_000_000])
    engine = LlamaCppEngine(settings.model_copy(update={"gguf": half}))
    answer = await ask(engine, "half", "hello")
    await engine.aclose()
    assert type(answer.error) is ModelUnreadable
    assert "load" in answer.error.detail.lower()


async def test_missing_files_are_told_without_starting_anything(settings: Settings) -> None:
    """No file at all, a wrong path, several to choose from: each says what to do."""
    nothing = LlamaCppEngine(settings.model_copy(update={"gguf": None}))
    with pytest.raises(EngineMissing):
        await nothing.ready("m")
    with pytest.raises(EngineMissing):
        await nothing.health()
    wrong = LlamaCppEngine(settings.model_copy(update={"gguf": Path("/nowhere/m.gguf")}))
    with pytest.raises(ModelMissing, match="no file"):
        await wrong.ready("m")


async def test_files_are_found_in_the_data_folder(
    settings: Settings, tiny_model: TinyModel
) -> None:
    """One model needs no name; of several the stem chooses, each with the projector beside it."""
    models = settings.data_dir / "models"
    engine = LlamaCppEngine(settings.model_copy(update={"gguf": None, "mmproj": None}))
    for name in ("one", "two"):
        (models / name).mkdir(parents=True)
        (models / name / f"{name}.gguf").symlink_to(tiny_model.gguf)
        if name == "one":
            assert await engine.ready("medgemma1.5:4b") == "one"
    (models / "two" / "mmproj-F16.gguf").symlink_to(tiny_model.mmproj)
    with pytest.raises(ModelMissing, match="several"):
        await engine.ready("medgemma1.5:4b")
    assert await engine.ready("two") == "two"
    two = next(card for card in (await engine.health()).models if card.name == "two")
    assert two.sees
    assert two.size == tiny_model.gguf.stat().st_size + tiny_model.mmproj.stat().st_size


async def test_another_model_is_loaded_for_the_next_message(
    settings: Settings, tiny_model: TinyModel
) -> None:
    """A swap ends the first child, after its running answer, and starts one for the second."""
    models = settings.data_dir / "models"
    models.mkdir()
    for name in ("one", "two"):
        (models / f"{name}.gguf").symlink_to(tiny_model.gguf)
    engine = LlamaCppEngine(
        settings.model_copy(update={"gguf": None, "mmproj": None, "answer_tokens": 300})
    )
    running = asyncio.create_task(ask(engine, "one", "forever"))
    await asyncio.sleep(0.4)
    first = child()
    assert (await ask(engine, "two", "hello")).text == tiny_gguf.PLAIN.text
    assert (await running).end.answer_tokens == 300
    assert not first.is_running() or first.status() == "zombie"
    await engine.aclose()


async def test_a_start_goes_on_when_the_one_who_asked_has_left(
    engine: LlamaCppEngine, tiny_model: TinyModel
) -> None:
    """Stop while the model is loading: the next message finds it loaded or loading, not anew."""
    task = asyncio.create_task(ask(engine, tiny_model.name, "hello"))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    started = child().pid
    assert (await ask(engine, tiny_model.name, "hello")).text == tiny_gguf.PLAIN.text
    assert child().pid == started


async def test_closing_ends_the_child_also_while_it_loads(
    settings: Settings, tiny_model: TinyModel
) -> None:
    """After aclose there is no process left, whatever it was doing."""
    for pause in (0.02, 1.0):
        engine = LlamaCppEngine(settings)
        task = asyncio.create_task(ask(engine, tiny_model.name, "forever"))
        await asyncio.sleep(pause)
        process = child()
        await engine.aclose()
        assert not process.is_running() or process.status() == "zombie"
        task.cancel()
        await asyncio.wait([task])


async def test_nobody_else_can_use_the_child(engine: LlamaCppEngine, tiny_model: TinyModel) -> None:
    """Without its random key every route that tells or does something refuses, for every page."""
    await ask(engine, tiny_model.name, "hello")
    process = child()
    (listening,) = [c for c in process.net_connections() if c.status == "LISTEN"]
    assert listening.laddr.ip == "127.0.0.1"
    url = f"http://127.0.0.1:{listening.laddr.port}"
    origin = {"Origin": "https://evil.example"}
    async with httpx.AsyncClient(base_url=url, headers=origin, trust_env=False) as http:
        for path in ("/props", "/slots", "/metrics", "/v1/models"):
            response = await http.get(path)
            assert response.status_code == 401
            assert not response.headers.get("access-control-allow-origin")
        chat = await http.post("/v1/chat/completions", json={"messages": []})
        assert chat.status_code == 401
        assert (await http.get("/")).status_code in (401, 404)


async def test_the_key_and_the_paths_are_not_in_the_process_list(
    engine: LlamaCppEngine, tiny_model: TinyModel
) -> None:
    """The order goes through a pipe: neither the command line nor the environment shows it."""
    await ask(engine, tiny_model.name, "hello")
    assert engine._server
    key = engine._server.client._http.headers["authorization"].removeprefix("Bearer ")
    shown = " ".join([*child().cmdline(), *child().environ().values()])
    assert len(key) > 30
    assert key not in shown
    assert tiny_model.gguf.name not in shown


PARENT = """
import asyncio, sys
from pathlib import Path
from aidoctor.adapters.llamacpp import LlamaCppEngine
from aidoctor.settings import Settings
from tests.kit.engine import ask

async def main() -> None:
    engine = LlamaCppEngine(Settings(gguf=Path(sys.argv[1]), threads=1, data_dir=Path(sys.argv[2])))
    await ask(engine, "m", "hello")
    print("ready", flush=True)
    await ask(engine, "m", "forever")
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_child_ends_with_its_parent_even_when_that_is_killed(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    """Kill -9 of the program leaves no llama.cpp behind."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tiny_model.gguf), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout
    assert parent.stdout.readline() == "ready\n"
    (left,) = psutil.Process(parent.pid).children()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 5
    with contextlib.suppress(psutil.NoSuchProcess):
        while left.status() != "zombie":
            assert time.monotonic() < deadline
            time.sleep(0.05)
