"""Which model answers, where it runs, and which others there are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import reflex as rx
from reflex.event import EventSpec

from aidoctor.domain import EngineHealth, ModelCard
from aidoctor.errors import AIDoctorError
from aidoctor.practice import practice


@dataclass(frozen=True)
class CardView:
    """One model in the list."""

    name: str = ""
    detail: str = ""
    """Size, quantisation and whether it sees pictures, in words."""


class Engine(rx.State):
    """The status line and the choice of model."""

    ready: bool = True
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

    @rx.event(background=True)
    async def check(self) -> None:
        """Ask the engine how it is; the page does not wait for it."""
        try:
            health = await practice().engines.overview()
            _, model = await practice().engines.current()
            card = await practice().engines.card()
        except AIDoctorError as error:
            async with self:
                self.ready, self.what, self.fix = False, error.what, error.fix
                self.model = ""
            return
        async with self:
            self._take(health, model, card)

    @rx.event()
    async def choose(self, model: str) -> EventSpec:
        """Let another model answer from the next message on."""
        await practice().engines.choose(model)
        await asyncio.to_thread(practice().records.kept.prefer, "model", model)
        return Engine.check

    def _take(self, health: EngineHealth, model: str, card: ModelCard | None) -> None:
        self.ready, self.what, self.fix = True, "", ""
        self.model = model
        self.remote = not health.local
        self.place = "this computer" if health.local else health.address
        self.on_place = "on this computer" if health.local else f"at {health.address}"
        self.sees = {True: "yes", False: "no", None: "unknown"}[card.sees if card else None]
        self.cards = [CardView(c.name, _detail(c)) for c in health.models]
        self.warnings = list(health.warnings)


def _detail(card: ModelCard) -> str:
    size = f"{card.size / 1e9:.1f} GB" if card.size >= 1e8 else ""
    eyes = {True: "sees pictures", False: "text only", None: ""}[card.sees]
    return " · ".join(part for part in (size, card.quantisation, eyes) if part)
