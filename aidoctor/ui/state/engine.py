"""Which model answers, where it runs, and which others there are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import reflex as rx
from reflex.event import EventSpec

from aidoctor.domain import EngineHealth, ModelCard
from aidoctor.errors import AIDoctorError
from aidoctor.practice import practice
from aidoctor.settings import PREFIX, explain


@dataclass(frozen=True)
class CardView:
    """One model in the list."""

    name: str = ""
    detail: str = ""
    """Size, quantisation and whether it sees pictures, in words."""


class Engine(rx.State):
    """The status line and the choice of model."""

    ready: bool = True
    """Until it has been asked, nothing is said against it."""
    model: str = ""
    place: str = ""
    on_place: str = "on this computer"
    """The place as the end of a sentence."""
    remote: bool = False
    sees: str = "unknown"
    cards: list[CardView] = []
    warnings: list[str] = []
    what: str = ""
    fix: str = ""
    fixed_by: str = ""
    """The variable of the environment that names the model, which the page does not overrule."""

    @rx.event(background=True)
    async def check(self) -> None:
        """Ask the engine how it is; the page does not wait for it."""
        engines = practice().engines
        health, model, card, wrong, fixed_by = None, "", None, None, ""
        try:
            fixed_by = await asyncio.to_thread(_fixed_by)
            health = await engines.overview()
            _, model = await engines.current()
            card = await engines.card()
        except AIDoctorError as error:
            wrong = error
        async with self:
            self.fixed_by = fixed_by
            self._say(wrong)
            self._take(health, model, card)

    @rx.event()
    async def choose(self, model: str) -> EventSpec | None:
        """Let another model answer from the next message on, and keep the choice."""
        if self.fixed_by:
            return None
        try:
            await asyncio.to_thread(practice().records.kept.prefer, "model", model)
        except AIDoctorError as error:
            self.warnings = [f"{error.what} {error.fix}"]
        await practice().engines.choose(model)
        return Engine.check

    def _take(self, health: EngineHealth | None, model: str, card: ModelCard | None) -> None:
        self.model = model
        self.sees = {True: "yes", False: "no", None: "unknown"}[card.sees if card else None]
        if health is None:
            self.cards, self.warnings = [], []
            return
        self.remote = not health.local
        self.place = "this computer" if health.local else health.address
        self.on_place = "on this computer" if health.local else f"at {health.address}"
        self.cards = [CardView(c.name, _detail(c)) for c in health.models]
        self.warnings = list(health.warnings)

    def _say(self, error: AIDoctorError | None) -> None:
        self.ready = error is None
        self.what, self.fix = (error.what, error.fix) if error else ("", "")


def _fixed_by() -> str:
    origin = next(one.origin for one in explain() if one.name == "model")
    return origin if origin.startswith(PREFIX) else ""


def _detail(card: ModelCard) -> str:
    size = f"{card.size / 1e9:.1f} GB" if card.size >= 1e8 else ""
    eyes = {True: "sees pictures", False: "text only", None: ""}[card.sees]
    return " · ".join(part for part in (size, card.quantisation, eyes) if part)
