"""What the checks promise: each need is fine, or says the one thing to do."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aidoctor.domain import EngineHealth, Message, ModelCard, ReplyEvent
from aidoctor.errors import AIDoctorError, EngineDown, EngineMissing, ModelMissing
from aidoctor.settings import Settings
from aidoctor.setup import checks, licence, machine, needs
from aidoctor.setup.check import Check, State, healthy

MODEL = ModelCard("medgemma1.5:4b", 3_300_000_000, "Q4_K_M", sees=True)
OLLAMA = EngineHealth("ollama", "http://127.0.0.1:1", local=True, version="0.35.0", models=(MODEL,))


class Mute:
    """A model that is never asked here."""

    name = "mute"
    picture_tokens = 256

    async def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        raise AssertionError("the checks must not ask the model")
        yield

    async def aclose(self) -> None: ...


class Desk:
    """Engines in a chosen state."""

    def __init__(self, health: EngineHealth | AIDoctorError, model: ModelCard | AIDoctorError):
        self._health, self._model = health, model

        self.model = "medgemma1.5:4b-it-q4_K_M"

    async def overview(self) -> EngineHealth:
        if isinstance(self._health, AIDoctorError):
            raise self._health
        return self._health

    async def current(self) -> tuple[Mute, str]:
        if isinstance(self._model, AIDoctorError):
            raise self._model
        if isinstance(self._health, AIDoctorError):
            raise self._health
        return Mute(), self._model.name

    async def card(self) -> ModelCard | None:
        return self._model if isinstance(self._model, ModelCard) else None


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!doctype html>")
    return tmp_path / "page"


async def examine(
    tmp_path: Path, page: Path, desk: Desk, preferences: dict[str, str] | None = None
) -> dict[str, Check]:
    (tmp_path / "data").mkdir(mode=0o700, exist_ok=True)
    settings = Settings(data_dir=tmp_path / "data")
    found = await checks.examine(settings, desk, preferences or {}, page)
    return {check.id: check for check in found}


ACCEPTED = {licence.PREFERENCE: licence.acceptance()}


async def test_with_everything_there_nothing_is_left_to_do(tmp_path: Path, page: Path):
    """A ready machine passes every check."""
    found = await examine(tmp_path, page, Desk(OLLAMA, MODEL), ACCEPTED)
    assert healthy([check for check in found.values() if check.id not in ("memory", "disk")])
    assert "0.35.0" in found["engine"].sentence
    assert "Q4_K_M" in found["model"].sentence


async def test_without_an_engine_there_is_one_step_and_it_names_its_size(
    tmp_path: Path, page: Path
):
    """A fresh machine is offered the download that needs nothing else installed."""
    found = await examine(tmp_path, page, Desk(EngineMissing(), EngineMissing()))
    engine = found["engine"]
    assert (engine.state, engine.action) == (State.TODO, "download")
    assert "3.3 GB" in engine.fix
    assert "model" not in found
    assert not healthy(list(found.values()))


async def test_a_missing_model_is_pulled_where_ollama_answers(tmp_path: Path, page: Path):
    """Ollama without the model: the pull, with its size."""
    found = await examine(tmp_path, page, Desk(OLLAMA, ModelMissing()))
    assert (found["model"].state, found["model"].action) == (State.TODO, "pull")
    assert "3.3 GB" in found["model"].fix


async def test_a_missing_model_of_a_foreign_server_is_not_ours_to_fetch(tmp_path: Path, page: Path):
    """An OpenAI-compatible server loads its models itself."""
    server = EngineHealth("openai", "http://127.0.0.1:1/v1", local=True)
    found = await examine(tmp_path, page, Desk(server, ModelMissing()))
    assert (found["model"].state, found["model"].action) == (State.FAILED, "")


async def test_model_files_that_are_set_wrong_are_not_downloaded_over(tmp_path: Path, page: Path):
    """What the person set is theirs to correct; a plain lack is ours to fetch."""
    llamacpp = EngineHealth("llamacpp", "this process", local=True)
    wrong = ModelMissing(what="There is no file /x.gguf.", fix="Correct the setting gguf.")
    found = await examine(tmp_path, page, Desk(llamacpp, wrong))
    assert (found["model"].state, found["model"].fix) == (State.FAILED, wrong.fix)
    found = await examine(tmp_path, page, Desk(EngineMissing(), wrong))
    assert (found["engine"].state, found["engine"].fix) == (State.FAILED, wrong.fix)
    for plain in (ModelMissing(), EngineMissing()):
        found = await examine(tmp_path, page, Desk(llamacpp, plain))
        assert (found["model"].state, found["model"].action) == (State.TODO, "download")


async def test_an_engine_that_is_down_tells_its_own_fix(tmp_path: Path, page: Path):
    """What the error says is what the person reads."""
    found = await examine(tmp_path, page, Desk(EngineDown(), EngineDown()))
    assert found["engine"].state is State.FAILED
    assert found["engine"].fix == EngineDown.fix


async def test_a_remote_engine_is_said_to_take_the_words_away(tmp_path: Path, page: Path):
    """Where words leave the machine, the check is a warning and names the address."""
    server = EngineHealth("openai", "https://models.example/v1", local=False)
    found = await examine(tmp_path, page, Desk(server, MODEL))
    assert found["engine"].state is State.WARNING
    assert "https://models.example/v1" in found["engine"].sentence


async def test_what_the_engine_warns_of_is_passed_on(tmp_path: Path, page: Path):
    """An open port or a known hole is a warning, not a failure."""
    warned = replace(OLLAMA, warnings=("It listens to the network.",))
    found = await examine(tmp_path, page, Desk(warned, MODEL))
    assert (found["engine"].state, found["engine"].fix) == (State.WARNING, *warned.warnings)


async def test_the_licence_is_asked_for_once_and_only_for_medgemma(tmp_path: Path, page: Path):
    """Accepting settles it; another model's licence is not ours to ask for."""
    desk = Desk(OLLAMA, MODEL)
    other = Desk(OLLAMA, MODEL)
    other.model = "llama3:8b"
    assert (await examine(tmp_path, page, desk))["licence"].action == "accept-licence"
    assert (await examine(tmp_path, page, desk, ACCEPTED))["licence"].state is State.OK
    assert "licence" not in await examine(tmp_path, page, other)


def test_an_older_version_of_the_terms_is_asked_again():
    """An acceptance counts for the version that was shown."""
    assert not licence.accepted({licence.PREFERENCE: "2020-01-01 2026-01-01T00:00:00+00:00"})


@pytest.mark.parametrize(
    ("sees", "tested", "state"),
    [
        (True, "", State.OK),
        (None, "", State.OK),
        (False, "", State.WARNING),
        (True, "blind", State.WARNING),
        (False, "sees", State.OK),
    ],
)
def test_what_the_picture_test_found_outweighs_what_the_model_says(
    sees: bool | None, tested: str, state: State
):
    """The test with a real picture is the better witness."""
    preferences = {checks.vision_preference("m"): tested}
    assert checks.check_vision(ModelCard("m", sees=sees), preferences).state is state


def test_the_page_must_be_built(tmp_path: Path):
    """Without a built page the check names the command that builds it."""
    check = machine.check_page(tmp_path)
    assert (check.state, check.command) == (State.FAILED, "make page")


def test_a_folder_that_others_can_read_is_a_warning(tmp_path: Path):
    """The command given makes it private."""
    folder = tmp_path / "a folder's name"
    folder.mkdir(mode=0o755)
    check = machine.check_folder(folder)
    assert check.state is State.WARNING
    assert os.system(check.command) == 0
    assert machine.check_folder(folder).state is State.OK


def test_checking_a_folder_that_is_not_there_does_not_make_it(tmp_path: Path):
    """The checks leave the machine as it is."""
    folder = tmp_path / "new" / "data"
    assert machine.check_folder(folder).state is State.OK
    assert not folder.parent.exists()


def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path):
    """A file in its place is the reason, in the system's words."""
    (tmp_path / "data").write_text("")
    check = machine.check_folder(tmp_path / "data")
    assert check.state is State.FAILED
    assert "Not a directory" in check.sentence


def test_a_disk_too_small_for_the_model_fails_before_the_download(tmp_path: Path):
    """A petabyte does not fit; nothing more to fetch needs only room to spare."""
    assert machine.check_disk(tmp_path, 10**15).state is State.FAILED
    assert machine.check_disk(tmp_path, 0).state in (State.OK, State.WARNING)


def test_a_disk_that_would_be_full_afterwards_is_a_warning(tmp_path: Path):
    """Room for the model alone is not enough."""
    free = psutil.disk_usage(str(tmp_path)).free
    assert machine.check_disk(tmp_path, free - needs.SPARE // 2).state is State.WARNING


def test_too_little_memory_is_said_before_the_download():
    """A model that outgrows this machine is advised against, by its own size if need be."""
    memory = psutil.virtual_memory().total
    assert machine.check_memory("other:1b", ModelCard("other:1b", memory)).state is State.WARNING
    assert machine.check_memory("other:1b", None).state is State.OK


@pytest.mark.parametrize(
    ("model", "pull"),
    [
        ("medgemma1.5:4b-it-q4_K_M", 3_300_000_000),
        ("aidoctor-medgemma1.5:4b", 3_300_000_000),
        ("medgemma:27b", 17_000_000_000),
        ("MedGemma", 3_300_000_000),
    ],
)
def test_the_needs_of_medgemma_are_known_under_its_names(model: str, pull: int):
    """Aliases of the library and our own name lead to the same figures."""
    known = needs.of(model)
    assert known is not None
    assert known.pull == pull


def test_the_needs_of_other_models_are_not_guessed():
    """No figure is better than a wrong one."""
    assert needs.of("llama3:8b") is None
    assert needs.of("medgemma:9b") is None
