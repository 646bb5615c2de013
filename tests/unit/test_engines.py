"""Which engine answers: one line of settings, noticed changes, nothing beyond this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from aidoctor import engines as module
from aidoctor.adapters.address import is_loopback
from aidoctor.engines import Engines
from aidoctor.errors import (
    EngineDown,
    EngineMissing,
    EngineTooOld,
    ModelMissing,
    ModelNotLocal,
    RemoteRefused,
    SettingsError,
)
from aidoctor.ports import LanguageModel
from aidoctor.settings import Settings
from tests.kit.engine import TinyModel
from tests.kit.ollama_server import Model, OllamaServer
from tests.kit.scripted import ScriptedEngine

BASE = "medgemma1.5:4b-it-q4_K_M"
Make = Callable[..., Engines]


@pytest.fixture
async def make(ollama_server: OllamaServer, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Engines] = []

    def one(**more: Any) -> Engines:
        settings = Settings(**{"ollama_host": ollama_server.url, "data_dir": tmp_path} | more)
        made.append(Engines(settings))
        return made[-1]

    yield one
    for engines in made:
        await engines.aclose()


async def current(engines: Engines) -> tuple[str, str]:
    engine, model = await engines.current()
    return engine.name, model


async def test_auto_prefers_ollama_when_it_can_make_the_model(
    ollama_server: OllamaServer, tiny_model: TinyModel, make: Make
) -> None:
    """Ollama answers and has the base: it is Ollama, though files are there too."""
    ollama_server.models[BASE] = Model()
    assert await current(make(gguf=tiny_model.gguf)) == ("ollama", f"aidoctor-{BASE}")


async def test_auto_takes_the_files_when_ollama_lacks_the_model(
    tiny_model: TinyModel, make: Make
) -> None:
    """Ollama answers without the model: llama.cpp it is."""
    assert await current(make(gguf=tiny_model.gguf)) == ("llamacpp", tiny_model.name)


async def test_auto_follows_when_an_engine_goes_down_and_comes_up(
    ollama_server: OllamaServer, tiny_model: TinyModel, make: Make
) -> None:
    """Down, up, down again: each next message goes to whoever answers."""
    ollama_server.models[BASE] = Model()
    port = ollama_server.server_port
    engines = make(gguf=tiny_model.gguf)
    assert (await current(engines))[0] == "ollama"
    ollama_server.shutdown()
    ollama_server.server_close()
    engine, model = await engines.current()
    with pytest.raises(EngineDown):
        async for _ in engine.reply([], model=model):
            pass
    assert (await current(engines))[0] == "llamacpp"
    with OllamaServer(ollama_server.brain, port=port) as again:
        again.models[BASE] = Model()
        assert (await current(engines))[0] == "ollama"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("down", EngineMissing),
        ("empty", ModelMissing),
        ("old", EngineTooOld),
        ("cloud", ModelNotLocal),
    ],
)
async def test_auto_tells_what_helps_most(
    ollama_server: OllamaServer, make: Make, state: str, kind: type[Exception]
) -> None:
    """Nobody can answer: one error, that of the engine that is nearest to it."""
    more: dict[str, Any] = {}
    if state == "down":
        more["ollama_host"] = "127.0.0.1:9"
    if state == "old":
        ollama_server.version = "0.29.0"
    if state == "cloud":
        more["model"] = "big:cloud"
    engines = make(**more)
    with pytest.raises(kind):
        await engines.current()


async def test_the_overview_lists_models_also_when_the_wanted_one_is_missing(
    ollama_server: OllamaServer, make: Make
) -> None:
    """So that another can be chosen; with nobody there the error says so."""
    ollama_server.models["gemma3:4b"] = Model()
    engines = make()
    health = await engines.overview()
    assert (health.name, [card.name for card in health.models]) == ("ollama", ["gemma3:4b"])
    with pytest.raises(EngineMissing):
        await make(ollama_host="127.0.0.1:9").overview()


async def test_a_model_chosen_on_the_page_answers_the_next_message(
    ollama_server: OllamaServer, make: Make
) -> None:
    """Choose, ask, and back; the card follows."""
    ollama_server.models |= {BASE: Model(), "text:1b": Model(capabilities=("completion",))}
    engines = make()
    assert (await current(engines))[1] == f"aidoctor-{BASE}"
    card = await engines.card()
    assert card
    assert card.sees
    await engines.choose("text:1b")
    assert engines.model == "text:1b"
    assert (await current(engines))[1] == "text:1b"
    card = await engines.card()
    assert card
    assert card.sees is False
    await engines.choose(None)
    assert (await current(engines))[1] == f"aidoctor-{BASE}"


@pytest.mark.parametrize(
    "address",
    ["http://192.168.1.5:11434", "https://ollama.com", "http://127.0.0.1.evil.example", "0.0.0.0"],
)
@pytest.mark.parametrize("engine", ["ollama", "openai", "auto"])
async def test_an_address_beyond_this_machine_is_refused(
    make: Make, engine: str, address: str
) -> None:
    """No request is made; only allow_remote_engine lets words go there."""
    engines = make(engine=engine, ollama_host=address, openai_base_url=address)
    with pytest.raises(RemoteRefused):
        await engines.current()
    allowed = Settings(openai_base_url=address, allow_remote_engine=True)
    engine_there = module.make("openai", allowed)
    assert not is_loopback(address)
    await engine_there.aclose()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "localhost:11434", "http://[::1]:8/v1", "127.1.2.3"]
)
def test_loopback_in_all_its_spellings_is_this_machine(address: str) -> None:
    """Names are not looked up; these need none."""
    assert is_loopback(address)


def test_an_unknown_engine_stops_the_start() -> None:
    """The settings are wrong: said at once, with the names that exist."""
    with pytest.raises(SettingsError) as caught:
        Engines(Settings(engine="olama"))
    assert "auto, llamacpp, ollama, openai" in caught.value.fix


async def test_an_engine_without_address_says_which_setting(make: Make) -> None:
    """`openai` needs one."""
    with pytest.raises(EngineMissing) as caught:
        await make(engine="openai").current()
    assert "openai_base_url" in caught.value.fix


def their_engine(_: Settings) -> LanguageModel:
    """What a third party's package would offer."""
    return ScriptedEngine(name="theirs")


async def test_a_package_can_add_an_engine_but_not_take_over_ours(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point in the group `aidoctor.engines` is an engine by its name."""
    entries = [
        EntryPoint("theirs", f"{__name__}:their_engine", module.GROUP),
        EntryPoint("ollama", f"{__name__}:their_engine", module.GROUP),
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: entries)
    assert (await current(make(engine="theirs")))[0] == "theirs"
    assert module.known()["ollama"] is module.BUILT_IN["ollama"]


@pytest.mark.parametrize(
    "address",
    ["http://user@evil.example#@127.0.0.1", "http://127.0.0.1@evil.example", "http://evil\\@[::1]"],
)
def test_what_only_looks_like_loopback_is_not(address: str) -> None:
    """The host that a client would connect to counts, not what stands around it."""
    assert not is_loopback(address)
