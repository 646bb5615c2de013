"""The one list of what AI Doctor needs, shared by the page, `aidoctor setup` and `aidoctor doctor`.

Each need ends in one `Check`: fine, or the one thing to do. Nothing here changes the machine,
and nothing is contacted but the engine that the settings name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aidoctor.domain import EngineHealth, ModelCard
from aidoctor.errors import AIDoctorError, EngineMissing, ModelMissing
from aidoctor.ports import LanguageModel
from aidoctor.settings import Settings
from aidoctor.setup import licence, machine, needs
from aidoctor.setup.check import Action, Check, State, failed
from aidoctor.setup.figures import size

_NAMES = {"ollama": "Ollama", "openai": "The model server", "llamacpp": "llama.cpp"}


@dataclass(frozen=True, slots=True)
class EngineFindings:
    """What the engine said when it was asked, or the error that it ended in."""

    wanted: str
    """The model that was asked for."""
    health: EngineHealth | None = None
    """The engine that answers, if one does."""
    model: ModelCard | None = None
    """The model to be asked, where the engine has it."""
    error: AIDoctorError | None = None
    """Why there is no engine, or not the model."""


class Engines(Protocol):
    """What the checks ask of the engines."""

    @property
    def model(self) -> str:
        """The model that is wanted: chosen on the page, else set."""
        ...

    async def overview(self) -> EngineHealth:
        """Who answers. Raises an `EngineError` where nobody does."""
        ...

    async def current(self) -> tuple[LanguageModel, str]:
        """The engine and the name under which its model is asked. Raises an `EngineError`."""
        ...

    async def card(self) -> ModelCard | None:
        """What the engine says of that model."""
        ...


async def examine(
    settings: Settings, engines: Engines, preferences: Mapping[str, str], page: Path
) -> list[Check]:
    """Ask the engine, then judge everything."""
    engine = await ask(engines)
    return await asyncio.to_thread(judge, settings, engine, preferences, page)


async def ask(engines: Engines) -> EngineFindings:
    """Who answers, and whether the model is there."""
    health = card = error = None
    try:
        health = await engines.overview()
    except AIDoctorError as refusal:
        error = refusal
    try:
        _, name = await engines.current()
        card = await engines.card() or ModelCard(name)
    except AIDoctorError as refusal:
        error = refusal  # says more than that of the overview: it knows of the model
    return EngineFindings(engines.model, health, card, error)


def judge(
    settings: Settings, engine: EngineFindings, preferences: Mapping[str, str], page: Path
) -> list[Check]:
    """Every check in the order in which a person would go through them."""
    wanted = 0 if engine.model else _still_to_fetch(engine.wanted, engine.health)
    checks = [
        machine.check_page(page),
        machine.check_folder(settings.data_dir),
        machine.check_disk(settings.data_dir, wanted),
        machine.check_memory(engine.wanted, engine.model),
    ]
    if licence.applies_to(engine.wanted):
        checks.append(check_licence(preferences))
    checks.append(check_engine(engine))
    if engine.health:
        checks.append(check_model(engine))
    if engine.model:
        checks.append(check_vision(engine.model, preferences))
    return checks


def check_licence(preferences: Mapping[str, str]) -> Check:
    """The person has accepted the terms of the model."""
    if licence.accepted(preferences):
        return Check("licence", "Licence", State.OK, "You accepted the terms of MedGemma.")
    return Check(
        "licence",
        "Licence",
        State.TODO,
        "MedGemma comes under terms of its own.",
        "Read and accept them.",
        "aidoctor setup",
        "accept-licence",
    )


def check_engine(engine: EngineFindings) -> Check:
    """Something that can run a model is there."""
    if engine.health is None:
        return _no_engine(engine.error or EngineMissing())
    health = engine.health
    name = " ".join(filter(None, (_NAMES.get(health.name, health.name), health.version)))
    if not health.local:
        sentence = f"{name} answers at {health.address}: your words leave this machine."
    else:
        where = "is built in" if health.name == "llamacpp" else "runs on this machine"
        sentence = f"{name} {where}."
    state = State.OK if health.local and not health.warnings else State.WARNING
    return Check("engine", "Engine", state, sentence, " ".join(health.warnings))


def check_model(engine: EngineFindings) -> Check:
    """The engine has the model."""
    name = engine.health.name if engine.health else ""
    error = engine.error or ModelMissing()
    if engine.model:
        return _present(engine.model)
    if name == "ollama" and isinstance(error, ModelMissing):
        known = needs.of(engine.wanted)
        amount = f" ({size(known.pull)})" if known else ""
        return _missing(engine.wanted, f"Download it{amount} through Ollama.", "pull")
    if name == "llamacpp" and _is_plain(error):
        amount = f"({size(needs.weigh(needs.EMBEDDED))})"
        fix = f"Download it {amount}; or start Ollama, which is then used instead."
        return _missing("MedGemma 1.5 4B", fix, "download")
    return failed("model", "Model", error)


def _present(card: ModelCard) -> Check:
    facts = ", ".join(filter(None, (card.quantisation, size(card.size) if card.size else "")))
    return Check("model", "Model", State.OK, f"{card.name}{f' ({facts})' if facts else ''}.")


def _missing(name: str, fix: str, action: Action) -> Check:
    sentence = f"{name} is not on this machine yet."
    return Check("model", "Model", State.TODO, sentence, fix, "aidoctor setup", action)


def check_vision(model: ModelCard, preferences: Mapping[str, str]) -> Check:
    """The model sees pictures: by its own word, and by the test where one was made."""
    title = "Pictures"
    seen = preferences.get(vision_preference(model.name), "")
    if seen == "sees":
        return Check("vision", title, State.OK, "The model saw the test picture.")
    if seen == "blind" or model.sees is False:
        return Check(
            "vision",
            title,
            State.WARNING,
            "This model does not see pictures; it reads only text.",
            "Choose a model with vision, or fetch its projector.",
            "",
            "selftest",
        )
    sentence = "The model says that it sees pictures." if model.sees else "Not tried yet."
    fix = "Show it a test picture; on a machine without a graphics card this takes minutes."
    return Check("vision", title, State.OK, sentence, fix, "", "selftest")


def vision_preference(model: str) -> str:
    """Name of the preference that keeps what the self-test found: `sees`, `blind` or `unsure`."""
    return f"vision.{model}"


def _no_engine(error: AIDoctorError) -> Check:
    """No engine: the one step where nothing is installed, else what is wrong with it."""
    if not _is_plain(error):
        return failed("engine", "Engine", error)
    download = needs.weigh(needs.EMBEDDED)
    return Check(
        "engine",
        "Engine",
        State.TODO,
        "No language model is installed yet.",
        f"Download MedGemma ({size(download)}); AI Doctor runs it itself. "
        "With Ollama installed and started, it is used instead.",
        "aidoctor setup",
        "download",
    )


def _is_plain(error: AIDoctorError) -> bool:
    """Whether fetching a model is the cure; what is set wrong comes with words of its own."""
    return error.what in (EngineMissing.what, ModelMissing.what)


def _still_to_fetch(model: str, health: EngineHealth | None) -> int:
    """Bytes that set-up would still fetch for `model`."""
    match health.name if health else "llamacpp":
        case "llamacpp":
            return needs.weigh(needs.EMBEDDED)
        case "ollama":
            known = needs.of(model)
            return known.pull if known else 0
        case _:
            return 0
