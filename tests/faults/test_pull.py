"""The pull through Ollama as set-up runs it: told in bytes, licensed first, cancelled cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aidoctor.adapters.ollama import OllamaEngine
from aidoctor.domain import PullProgress
from aidoctor.engines import Engines
from aidoctor.errors import DownloadStalled, LicenceOpen, PullFailed
from aidoctor.settings import Settings
from aidoctor.setup import checks
from aidoctor.setup.check import State
from aidoctor.setup.jobs import Jobs, Stage, Tell
from aidoctor.setup.steps import Steps, lively
from aidoctor.store import Store
from tests.kit.ollama_server import OllamaServer, Trouble

BASE = "medgemma1.5:4b-it-q4_K_M"
LAYERS = [3_300_000_000, 12_000]


@pytest.fixture
async def steps(ollama_server: OllamaServer, tmp_path: Path) -> AsyncIterator[Steps]:
    ollama_server.library[BASE] = LAYERS
    settings = Settings(ollama_host=ollama_server.url, data_dir=tmp_path)
    engines, store = Engines(settings), Store.in_memory()
    yield Steps(settings, engines, store)
    await engines.aclose()
    store.close()


async def test_a_pull_is_told_in_bytes_and_ends_with_the_model_in_place(
    steps: Steps, tmp_path: Path
):
    """What the checks asked for is fine afterwards, the eyes tested with a real picture."""
    before = {c.id: c for c in await checks.examine(steps.settings, steps.engines, {}, tmp_path)}
    assert before["model"].action == "pull"
    steps.accept()
    told: list[PullProgress] = []
    await steps.pull(told.append)
    amounts = [progress.done for progress in told if progress.total]
    assert amounts == sorted(amounts)
    assert amounts[-1] == sum(LAYERS)
    assert all(BASE in progress.step for progress in told)
    assert await steps.selftest(told.append) == "The model saw the test picture."
    kept = steps.store.preferences()
    after = {c.id: c for c in await checks.examine(steps.settings, steps.engines, kept, tmp_path)}
    assert {after[name].state for name in ("licence", "engine", "model", "vision")} == {State.OK}


async def test_without_the_terms_nothing_is_pulled(steps: Steps, ollama_server: OllamaServer):
    """The server is not even asked."""
    with pytest.raises(LicenceOpen):
        await steps.pull(lambda progress: None)
    assert ollama_server.asked("/api/pull") == []


async def test_cancelling_leaves_the_pull_and_a_second_one_ends_well(
    steps: Steps, ollama_server: OllamaServer
):
    """Ollama keeps its layers; set-up lets go of the connection at once."""
    ollama_server.pull_pause = 0.2
    steps.accept()
    jobs, begun = Jobs(), asyncio.Event()

    async def pull(tell: Tell) -> str:
        def told(progress: PullProgress) -> None:
            tell(progress)
            begun.set()

        return await steps.pull(told)

    jobs.start("pull", pull)
    await begun.wait()
    async with asyncio.timeout(1):
        await jobs.cancel()
    assert jobs.standing().stage is Stage.CANCELLED
    ollama_server.pull_pause = 0
    jobs.start("pull", steps.pull)
    assert (await jobs.wait()).stage is Stage.DONE


async def test_a_pull_that_stalls_is_noticed(steps: Steps, ollama_server: OllamaServer):
    """Silence for too long ends in an error that says what to do."""
    ollama_server.pull_pause = 5
    engine = OllamaEngine(steps.settings)
    with pytest.raises(DownloadStalled):
        async for _ in lively(engine.pull(BASE), stalled_after=0.3):
            pass
    await engine.aclose()


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble((b'{"status":"pulling manifest"}\n',), cut=True),
        Trouble((b'{"status":"pulling manifest"}\n{"error":"max retries exceeded"}\n',)),
        Trouble((b'{"status":"pulling manifest"}\n',)),
    ],
)
async def test_a_pull_that_breaks_is_not_taken_for_a_success(
    steps: Steps, ollama_server: OllamaServer, trouble: Trouble
):
    """A cut body, an error line and an end without success fail alike."""
    ollama_server.fail_next("/api/pull", trouble)
    steps.accept()
    jobs = Jobs()
    jobs.start("pull", steps.pull)
    end = await jobs.wait()
    assert end.stage is Stage.FAILED
    assert end.fix
    jobs.start("pull", steps.pull)
    assert (await jobs.wait()).stage is Stage.DONE


async def test_an_unknown_model_is_said_to_be_unknown(steps: Steps, ollama_server: OllamaServer):
    """The library's own refusal reaches the person as one of our errors."""
    ollama_server.library.clear()
    steps.accept()
    with pytest.raises(PullFailed) as caught:
        await steps.pull(lambda progress: None)
    assert BASE in caught.value.what
