"""The steps of set-up, the same for the page and the terminal: accept, pull, download, test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from aidoctor.domain import PullProgress
from aidoctor.engines import Engines, make
from aidoctor.errors import AIDoctorError, DownloadStalled, LicenceOpen, ModelMissing, PullFailed
from aidoctor.ports import ModelShelf
from aidoctor.settings import Settings
from aidoctor.setup import licence, needs
from aidoctor.setup.check import Action
from aidoctor.setup.checks import vision_preference
from aidoctor.setup.downloads import download
from aidoctor.setup.jobs import Tell, Work
from aidoctor.setup.selftest import SENTENCES, look
from aidoctor.store import Store

FOLDER = "models"
"""Below the data folder: where the embedded engine looks."""


STALLED_AFTER = 180.0
"""Seconds without a word from the server: it checks and unpacks gigabytes in silence."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What set-up can do on this machine."""

    settings: Settings
    engines: Engines
    store: Store

    def of(self, action: Action) -> Work:
        """The step that a check offers."""
        match action:
            case "pull":
                return self.pull
            case "download":
                return self.download
            case "selftest":
                return self.selftest
        raise AIDoctorError(f"no step for {action!r}")

    def accept(self) -> None:
        """Keep that the person has accepted the terms."""
        self.store.prefer(licence.PREFERENCE, licence.acceptance())

    async def pull(self, tell: Tell) -> str:
        """Let the engine that answers fetch the model, and make ours from it."""
        model = self.engines.model
        await self._licensed(model)
        engine = make((await self.engines.overview()).name, self.settings)
        try:
            if not isinstance(engine, ModelShelf):
                raise PullFailed(fix="Load the model in that server.")
            async with aclosing(lively(engine.pull(model))) as told:
                async for progress in told:
                    tell(replace(progress, step=f"{progress.step.capitalize()} {model}"))
        except ModelMissing:
            unknown = f"The library has no model {model}."
            raise PullFailed(what=unknown, fix="Correct the setting model.") from None
        finally:
            await engine.aclose()
        return f"{model} is on this machine."

    async def download(self, tell: Tell) -> str:
        """Fetch the files of the embedded engine."""
        await self._licensed(needs.EMBEDDED[0].name)
        folder, endpoint = self.settings.data_dir / FOLDER, self.settings.hub_endpoint
        async with aclosing(download(needs.EMBEDDED, folder, endpoint)) as told:
            async for progress in told:
                tell(progress)
        return "The model is on this machine, whole and as announced."

    async def selftest(self, tell: Tell) -> str:
        """Show the model a picture and keep what came of it."""
        engine, model = await self.engines.current()
        sight = await look(engine, model, self.settings, tell)
        await asyncio.to_thread(self.store.prefer, vision_preference(model), sight.value)
        return SENTENCES[sight]

    async def _licensed(self, model: str) -> None:
        """Raise `LicenceOpen` where the terms of `model` have not been accepted."""
        preferences = await asyncio.to_thread(self.store.preferences)
        if licence.applies_to(model) and not licence.accepted(preferences):
            raise LicenceOpen


async def lively(
    told: AsyncGenerator[PullProgress, None], stalled_after: float = STALLED_AFTER
) -> AsyncGenerator[PullProgress, None]:
    """Pass `told` on. Raises `DownloadStalled` when nothing is told for so many seconds."""
    async with aclosing(told):
        while True:
            try:
                async with asyncio.timeout(stalled_after):
                    progress = await anext(told)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise DownloadStalled from None
            yield progress
