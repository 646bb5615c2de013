"""What the person may set on the page, where it came from, and where everything lies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import reflex as rx

from aidoctor import settings as configuration
from aidoctor.errors import AIDoctorError
from aidoctor.practice import practice


@dataclass(frozen=True)
class Choice:
    """One setting on the page."""

    name: str = ""
    title: str = ""
    meaning: str = ""
    value: str = ""
    origin: str = ""
    fixed: bool = False
    """Set in the environment, which the page does not overrule."""


class Preferences(rx.State):
    """The settings that a person chooses on the page; they hold from the next start on."""

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
    async def save(self, form: dict[str, str]) -> None:
        """Keep the one choice of a form if it is valid; empty, the file or the default holds."""
        ((name, value),) = form.items()
        store = practice().records.kept
        wanted = await asyncio.to_thread(store.preferences)
        wanted.pop(name, None)
        value = value.strip()
        try:
            configuration.load(wanted | ({name: value} if value else {}))
        except AIDoctorError as error:
            self.saved, self.wrong = "", f"{error.what} {error.fix}"
            return
        await asyncio.to_thread(store.prefer, name, value or None)
        self.saved, self.wrong = "Saved. It applies from the next start.", ""
        await self._read()

    async def _read(self) -> None:
        kept = await asyncio.to_thread(practice().records.kept.preferences)
        self.choices = [
            Choice(
                one.name,
                one.name.replace("_", " ").capitalize(),
                one.meaning,
                one.value.strip('"'),
                one.origin,
                fixed=one.origin.startswith(configuration.PREFIX),
            )
            for one in configuration.explain(kept)
            if one.name in configuration.PREFERENCES
        ]
        self.data_dir = str(practice().settings.data_dir)
