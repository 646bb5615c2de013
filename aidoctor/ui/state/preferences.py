"""What the person may set on the page, where it came from, and where everything lies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Literal

import reflex as rx
from reflex.event import EventSpec

from aidoctor import engines, modelfile
from aidoctor import settings as configuration
from aidoctor.errors import AIDoctorError
from aidoctor.practice import practice
from aidoctor.settings import Explained
from aidoctor.ui.state.engine import Engine

FIELDS: Final = {
    "model": ("Model", "As its engine calls it. It answers from the next message on."),
    "engine": (
        "Engine",
        "What runs the model. “auto” is Ollama if it has the model, else the built-in llama.cpp.",
    ),
    "think": ("Think before answering", "Slower; the thoughts are shown folded."),
    "answer_tokens": ("Longest answer", "In tokens; a hundred are about 75 English words."),
    "temperature": (
        "Temperature",
        "0 always takes the likeliest word, as MedGemma is meant to be run; more varies more.",
    ),
    "context_tokens": (
        "Size of the context",
        "In tokens: how much of a conversation the model sees. More takes more memory.",
    ),
}
"""Each preference in the order of the page: what it is called and what it does."""

SWITCH: Final = ["false", "true"]
"""Values of a setting that is on or off, as they stand in a file."""


@dataclass(frozen=True)
class Choice:
    """One setting on the page."""

    name: str = ""
    label: str = ""
    meaning: str = ""
    value: str = ""
    kind: Literal["text", "number", "list", "switch"] = "text"
    options: list[str] = field(default_factory=list)
    """Of a list."""
    origin: str = ""
    """Where the value comes from, as a sentence."""
    chosen: bool = False
    """On this page, so that it can be taken back."""
    fixed: bool = False
    """Set in the environment, which the page does not overrule."""
    waits: str = ""
    """What is still in use until the next start; empty where the value itself is."""


class Preferences(rx.State):
    """The settings that a person chooses on the page."""

    choices: list[Choice] = []
    data_dir: str = ""
    saved: str = ""
    wrong: str = ""

    @rx.event()
    async def load(self) -> None:
        """Read what applies."""
        self.saved = self.wrong = ""
        await self._read()

    @rx.event()
    async def save(self, form: dict[str, str]) -> EventSpec | None:
        """Keep what has been changed, all or nothing; an empty field gives the choice back."""
        was = {choice.name: choice.value for choice in self.choices if not choice.fixed}
        changed = {
            name: value.strip()
            for name, value in form.items()
            if name in was and value.strip() != was[name]
        }
        return await self._keep(changed)

    @rx.event()
    async def take_back(self, name: str) -> EventSpec | None:
        """Forget the person's choice: the file or the default holds again."""
        return await self._keep({name: ""})

    async def _keep(self, changed: dict[str, str]) -> EventSpec | None:
        store = practice().records.kept
        try:
            kept = await asyncio.to_thread(store.preferences)
            wanted = {name: value for name, value in (kept | changed).items() if value}
            settings = configuration.load(wanted)
            for name, value in changed.items():
                await asyncio.to_thread(store.prefer, name, value or None)
        except AIDoctorError as error:
            self.saved, self.wrong = "", f"{error.what} {error.fix}"
            return None
        self.saved, self.wrong = "Saved." if changed else "Nothing has changed.", ""
        if "model" in changed:
            await practice().engines.choose(settings.model)
        await self._read()
        return Engine.check if "model" in changed else None

    async def _read(self) -> None:
        kept = await asyncio.to_thread(practice().records.kept.preferences)
        explained = {one.name: one for one in configuration.explain(kept)}
        self.choices = [_choice(explained[name]) for name in FIELDS]
        self.data_dir = str(practice().settings.data_dir)


def _choice(one: Explained) -> Choice:
    label, meaning = FIELDS[one.name]
    options = ["auto", *sorted(engines.known())] if one.name == "engine" else []
    value = one.value.strip('"')
    kind = {"engine": "list", "think": "switch", "model": "text"}.get(one.name, "number")
    return Choice(
        name=one.name,
        label=label,
        meaning=meaning,
        value=value,
        kind=kind,  # type: ignore[arg-type]
        options=options,
        origin=_origin(one),
        chosen=one.origin == "the page",
        fixed=one.origin.startswith(configuration.PREFIX),
        waits=_waits(one.name, value),
    )


def _origin(one: Explained) -> str:
    if one.origin.startswith(configuration.PREFIX):
        return f"Set by {one.origin} in the environment, which this page does not overrule."
    if one.origin == "the page":
        return "Chosen here."
    if one.name == "context_tokens" and one.origin == "default":
        return f"The Modelfile's own: {modelfile.num_ctx()}."
    return "The default." if one.origin == "default" else f"From {one.origin}."


def _waits(name: str, value: str) -> str:
    """The value in use where it differs; the model alone changes while the program runs."""
    used = configuration.shown(getattr(practice().settings, name)).strip('"')
    if name == "model" or used == value:
        return ""
    return {"true": "on", "false": "off", "": "the default"}.get(used, used)
