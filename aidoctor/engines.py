"""The engines by name, and which of them answers now.

An engine is a `LanguageModel` made from the settings. Built-in ones stand in `BUILT_IN`; a package
adds its own with an entry point in the group `aidoctor.engines` that names such a class.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points

from aidoctor.adapters.address import is_loopback
from aidoctor.domain import EngineHealth, ModelCard
from aidoctor.errors import (
    EngineDown,
    EngineError,
    EngineMissing,
    ModelMissing,
    RemoteRefused,
    SettingsError,
)
from aidoctor.ports import LanguageModel, ModelShelf
from aidoctor.settings import Settings

GROUP = "aidoctor.engines"
BUILT_IN = {
    name: EntryPoint(name, f"aidoctor.adapters.{name}:{kind}", GROUP)
    for name, kind in {
        "ollama": "OllamaEngine",
        "openai": "OpenAIEngine",
        "llamacpp": "LlamaCppEngine",
    }.items()
}
AUTO = ("ollama", "llamacpp")
"""What `auto` tries, in order."""


def known() -> dict[str, EntryPoint]:
    """Name -> where the engine is; a built-in name cannot be taken over."""
    return {entry.name: entry for entry in entry_points(group=GROUP)} | BUILT_IN


def find(name: str) -> EntryPoint:
    """Where the engine `name` is; raises `SettingsError` for an unknown one."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    others = known()
    if name not in others:
        names = ", ".join(["auto", *sorted(others)])
        raise SettingsError(
            what=f"There is no engine named {name}.", fix=f"Set engine to one of: {names}."
        )
    return others[name]


def make(name: str, settings: Settings) -> LanguageModel:
    """The engine `name`; raises `RemoteRefused` for an address that is not of this machine."""
    address = {"ollama": settings.ollama_host, "openai": settings.openai_base_url}.get(name)
    if address == "":
        setting = "ollama_host" if name == "ollama" else "openai_base_url"
        raise EngineMissing(what=f"The engine {name} has no address.", fix=f"Set {setting}.")
    if address and not (settings.allow_remote_engine or is_loopback(address)):
        raise RemoteRefused
    factory: Callable[[Settings], LanguageModel] = find(name).load()
    return factory(settings)


class Engines:
    """Which engine and model answer the next message.

    Every question asks the engines anew (they remember what they know while all goes well), so one
    that goes down or comes up is noticed with the next message. Raises `SettingsError` for an
    engine that nobody knows.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.engine != "auto":
            find(settings.engine)
        self._settings = settings
        self._model: str | None = None
        self._made: dict[str, LanguageModel] = {}
        self._card: ModelCard | None = None
        self._carded: tuple[LanguageModel, str] | None = None

    async def aclose(self) -> None:
        """Let go of all engines."""
        made, self._made = list(self._made.values()), {}
        for engine in made:
            await engine.aclose()

    async def choose(self, model: str | None) -> None:
        """Ask `model` from the next message on; None goes back to the setting."""
        self._model, self._carded = model or None, None

    @property
    def model(self) -> str:
        """The model that was chosen on the page, else in the settings."""
        return self._model or self._settings.model

    async def current(self) -> tuple[LanguageModel, str]:
        """The engine that answers and the name to ask it for; raises an `EngineError` with the fix.

        `auto` is Ollama if it answers and has, or can make, the model; else llama.cpp if its
        files are there.
        """
        refusals: list[EngineError] = []
        for name in self._names():
            try:
                engine = self._engine(name)
                ready = (
                    await engine.ready(self.model) if isinstance(engine, ModelShelf) else self.model
                )
            except EngineError as error:
                refusals.append(error)
            else:
                return engine, ready
        raise _telling(refusals)

    async def overview(self) -> EngineHealth:
        """Who answers, where, and its models; raises an `EngineError` when nobody does.

        An engine that answers but lacks the model is shown too, so that another can be chosen.
        """
        with suppress(EngineError):
            engine, model = await self.current()
            return await _health(engine, model)
        refusals: list[EngineError] = []
        for name in self._names():
            try:
                return await _health(self._engine(name), self.model)
            except EngineError as error:
                refusals.append(error)
        raise _telling(refusals)

    async def card(self) -> ModelCard | None:
        """The current model, or None where the engine does not list it; raises `EngineError`."""
        engine, model = await self.current()
        if (engine, model) != self._carded:
            health = await _health(engine, model)
            self._card = next((card for card in health.models if card.name == model), None)
            self._carded = engine, model
        return self._card

    def _names(self) -> tuple[str, ...]:
        return AUTO if self._settings.engine == "auto" else (self._settings.engine,)

    def _engine(self, name: str) -> LanguageModel:
        if name not in self._made:
            self._made[name] = make(name, self._settings)
        return self._made[name]


async def _health(engine: LanguageModel, model: str) -> EngineHealth:
    if isinstance(engine, ModelShelf):
        return await engine.health()
    return EngineHealth(engine.name, engine.name, local=False, models=(ModelCard(model),))


def _telling(refusals: list[EngineError]) -> EngineError:
    """The refusal that helps most: that of an engine that answers, before one that is not there."""
    helps_less = (ModelMissing, EngineMissing, EngineDown)

    def rank(error: EngineError) -> int:
        return helps_less.index(type(error)) + 1 if type(error) in helps_less else 0

    return min(refusals, key=rank)
