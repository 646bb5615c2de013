"""What AI Doctor asks of Ollama, on its true wire: names, options, privacy, our own model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from aidoctor import modelfile
from aidoctor.adapters.ollama import OllamaEngine
from aidoctor.domain import Progress
from aidoctor.errors import EngineTooOld, ModelMissing, ModelNotLocal
from aidoctor.settings import Settings
from tests.kit import tiny_gguf
from tests.kit.engine import ask, assistant, picture, system, user
from tests.kit.ollama_server import Model, OllamaServer

BASE = "medgemma1.5:4b-it-q4_K_M"
OURS = f"aidoctor-{BASE}"


@pytest.fixture
async def engine(ollama_server: OllamaServer, tmp_path: Path) -> AsyncIterator[OllamaEngine]:
    made = OllamaEngine(Settings(ollama_host=ollama_server.url, data_dir=tmp_path))
    yield made
    await made.aclose()


async def test_our_model_is_made_from_the_modelfile(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """With only the base there, `ready` makes ours: template, system, parameters, licence."""
    ollama_server.models[BASE] = Model()
    assert await engine.ready(BASE) == OURS
    made, recipe = ollama_server.models[OURS], modelfile.ours()
    assert (made.template, made.system) == (recipe.template, recipe.system)
    assert made.parameters == recipe.parameters
    assert "Health AI Developer Foundations Terms of Use" in made.license


async def test_our_model_is_made_anew_after_an_update(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """One made from an older Modelfile is replaced, once."""
    ollama_server.models |= {BASE: Model(), OURS: Model(system="old")}
    assert await engine.ready(BASE) == OURS
    assert ollama_server.models[OURS].system == modelfile.system()
    assert len(ollama_server.asked("/api/create")) == 1


async def test_what_people_made_themselves_is_used(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """`ollama create aidoctor -f Modelfile` is enough."""
    ollama_server.models |= {BASE: Model(), "aidoctor:latest": Model(parent=BASE)}
    assert await engine.ready(BASE) == "aidoctor:latest"
    assert not ollama_server.asked("/api/create")
    assert [card.name for card in (await engine.health()).models] == ["aidoctor:latest"]


async def test_other_models_run_as_they_are_with_our_system_text(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """No model is made for what is no MedGemma; SYSTEM goes with the messages."""
    ollama_server.models["gemma3:4b"] = Model()
    name = await engine.ready("gemma3:4b")
    assert name == "gemma3:4b"
    assert (await ask(engine, name, system(), "hello")).text == tiny_gguf.PLAIN.text
    assert ollama_server.prompts[-1].count(modelfile.system()) == 1
    assert not ollama_server.asked("/api/create")


async def test_a_missing_model_is_named_and_can_be_pulled(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """ModelMissing; then a pull with bytes that only grow, and ours is there."""
    ollama_server.library[BASE] = [2_500, 850, 12]
    with pytest.raises(ModelMissing, match="medgemma"):
        await engine.ready(BASE)
    seen = [progress async for progress in engine.pull(BASE)]
    moving = [progress.done for progress in seen if progress.step == "downloading"]
    assert moving == sorted(moving)
    assert moving[-1] == 3_362
    assert seen[-1].step == "making"
    assert await engine.ready(BASE) == OURS


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("medgemma", "aidoctor-medgemma:latest"),
        ("hf.co/unsloth/medgemma-4b-GGUF:Q4", "aidoctor-hf.co-unsloth-medgemma-4b-GGUF:Q4"),
    ],
)
async def test_our_names_are_valid_for_any_base(
    ollama_server: OllamaServer, engine: OllamaEngine, asked: str, name: str
) -> None:
    """A missing tag is latest; slashes do not become a foreign namespace."""
    ollama_server.models[asked if ":" in asked else f"{asked}:latest"] = Model()
    assert await engine.ready(asked) == name


async def test_the_system_text_stands_once_and_first_even_when_ollama_cuts(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """History beyond the context: Ollama drops turns, SYSTEM stays before the first user turn."""
    ollama_server.models[BASE] = Model()
    name = await engine.ready(BASE)
    long = [user("qz " * 2500), assistant("x"), user("qy " * 2500), assistant("y"), user("so?")]
    answer = await ask(engine, name, system(), *long)
    assert answer.error is None
    prompt = ollama_server.prompts[-1]
    assert "qz qz" not in prompt
    assert prompt.count(modelfile.system()) == 1
    assert prompt.index(modelfile.system()) < prompt.index("qy qy")


async def test_the_model_is_loaded_once_whatever_is_asked(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """The same num_ctx in every request, the Modelfile's: Ollama never loads again."""
    ollama_server.models[BASE] = Model()
    name = await engine.ready(BASE)
    first = await ask(engine, name, system(), "hello")
    await ask(engine, name, "hello", think=True)
    await ask(engine, name, user("look", picture("red")))
    assert first.progress == [Progress("loading"), Progress("reading")]
    assert ollama_server.loads == 1
    sizes = {body["options"]["num_ctx"] for body in ollama_server.asked("/api/chat")}
    assert sizes == {modelfile.num_ctx()}


async def test_thinking_is_asked_only_of_models_that_can(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """Others would answer with an error; they answer without thinking."""
    ollama_server.models["gemma3:4b"] = Model()
    answer = await ask(engine, "gemma3:4b", "hello", think=True)
    assert answer.text == tiny_gguf.PLAIN.text
    assert "think" not in ollama_server.asked("/api/chat")[-1]


@pytest.mark.parametrize("version", ["0.29.9", "0.5.1", "v0.12.0-rc1"])
async def test_an_old_server_is_refused(
    ollama_server: OllamaServer, engine: OllamaEngine, version: str
) -> None:
    """Below the Modelfile's REQUIRES nothing is asked of it."""
    ollama_server.version = version
    for question in (engine.ready(BASE), engine.health()):
        with pytest.raises(EngineTooOld, match=version):
            await question


@pytest.mark.parametrize(
    ("version", "word"),
    [("0.34.2", "CVE"), ("0.34.9", "CVE"), ("0.0.0", "version"), ("0.35.0", ""), ("0.30.0", "")],
)
async def test_a_known_hole_is_told(
    ollama_server: OllamaServer, engine: OllamaEngine, version: str, word: str
) -> None:
    """A version with a published hole is usable, with a warning that names it."""
    ollama_server.version = version
    told = (await engine.health()).warnings
    assert (len(told) == 1 and word in told[0]) if word else told == ()


@pytest.mark.parametrize(("ip", "open_to_all"), [("0.0.0.0", True), ("::", True), ("::1", False)])
async def test_an_ollama_that_listens_to_the_network_is_told(
    ollama_server: OllamaServer,
    engine: OllamaEngine,
    monkeypatch: pytest.MonkeyPatch,
    ip: str,
    open_to_all: bool,
) -> None:
    """Anybody who reaches its port could use it; the socket list of the machine shows that."""
    here = SimpleNamespace(
        status="LISTEN", laddr=SimpleNamespace(ip=ip, port=ollama_server.server_port)
    )
    other = SimpleNamespace(status="LISTEN", laddr=SimpleNamespace(ip="0.0.0.0", port=22))
    monkeypatch.setattr("psutil.net_connections", lambda kind: [here, other])
    told = (await engine.health()).warnings
    assert [("other machines" in warning) for warning in told] == [True] * open_to_all


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "kimi:cloud", "KIMI:Cloud"])
async def test_cloud_models_are_refused_by_name(
    ollama_server: OllamaServer, engine: OllamaEngine, name: str
) -> None:
    """Not listed, not ready, not pulled, not asked: no request about them leaves us."""
    ollama_server.models[name] = Model()
    assert (await engine.health()).models == ()
    for question in (engine.ready(name), anext(engine.pull(name)), ask_once(engine, name)):
        with pytest.raises(ModelNotLocal):
            await question
    assert not ollama_server.asked("/api/chat")


async def test_cloud_models_are_refused_by_what_ollama_says(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """A local-looking name with a remote host is refused as well."""
    ollama_server.models["doctor:4b"] = Model(remote_host="https://ollama.com:443")
    assert (await engine.health()).models == ()
    with pytest.raises(ModelNotLocal):
        await engine.ready("doctor:4b")
    with pytest.raises(ModelNotLocal):
        await ask_once(engine, "doctor:4b")
    assert not [body for body in ollama_server.asked("/api/chat") if body["messages"]]


async def test_keys_and_proxies_of_the_environment_are_not_used(
    ollama_server: OllamaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key for ollama.com stays here, and words do not travel through a proxy."""
    monkeypatch.setenv("OLLAMA_API_KEY", "secret-key")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:1")
    ollama_server.models["m:latest"] = Model()
    engine = OllamaEngine(Settings(ollama_host=ollama_server.url, data_dir=tmp_path))
    answer = await ask(engine, await engine.ready("m"), "hello")
    await engine.aclose()
    assert answer.text == tiny_gguf.PLAIN.text
    sent = [headers for _, _, headers, _ in ollama_server.requests]
    assert sent
    assert not any("secret-key" in str(headers) for headers in sent)


async def test_embedding_models_are_not_offered(
    ollama_server: OllamaServer, engine: OllamaEngine
) -> None:
    """Only what can talk is listed, with what it can and how large it is."""
    ollama_server.models |= {
        "embed:latest": Model(capabilities=("embedding",)),
        "text:1b": Model(capabilities=("completion",), size=7),
    }
    (card,) = (await engine.health()).models
    assert (card.name, card.sees, card.size, card.quantisation) == ("text:1b", False, 7, "Q4_K_M")


async def ask_once(engine: OllamaEngine, model: str) -> None:
    """Ask and raise what came."""
    answer = await ask(engine, model, "hello")
    if answer.error:
        raise answer.error
