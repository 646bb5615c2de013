"""The embedded engine: llama.cpp in a child process, on files of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from aidoctor import modelfile
from aidoctor.adapters.llamacpp_files import ModelFiles, choose_files, find_files
from aidoctor.adapters.llamacpp_server import LlamaServer
from aidoctor.domain import EngineHealth, Message, ModelCard, Progress, PullProgress, ReplyEvent
from aidoctor.errors import (
    EngineDown,
    EngineError,
    EngineMissing,
    ModelCrashed,
    ModelMissing,
    ModelProtocolError,
    StreamBroken,
)
from aidoctor.settings import Settings


class LlamaCppEngine:
    """Starts its server at the first reply, and again after a crash."""

    name = "llamacpp"
    picture_tokens = 256

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = {
            "max_tokens": settings.answer_tokens,
            "temperature": settings.temperature,
            "return_progress": True,
            "cache_prompt": True,
        }
        self._server: LlamaServer | None = None
        self._starting: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """End the server."""
        if self._starting:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await self._starting
        if self._server:
            await self._server.end()

    async def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Stream the answer; see the port."""
        files = await self._files(model)
        if not self._serves(files):
            yield Progress("loading")
        server = await self._serving(files)
        answer = server.client.reply(messages, model=files.name, think=think, options=self._options)
        try:
            with server.answering():
                async with aclosing(answer):
                    async for event in answer:
                        yield event
        except EngineError as error:
            lost = isinstance(error, StreamBroken | EngineDown | ModelProtocolError)
            if lost and await server.has_ended():
                raise ModelCrashed(error.code) from None
            raise

    async def health(self) -> EngineHealth:
        """List the files; nothing is loaded. Raises `EngineMissing` where there are none."""
        found = await asyncio.to_thread(find_files, self._settings)
        if not found:
            raise EngineMissing
        context = self._settings.context_tokens or modelfile.num_ctx()
        cards = tuple(
            ModelCard(files.name, files.size, sees=bool(files.mmproj), context_tokens=context)
            for files in found
        )
        return EngineHealth(self.name, "this process", local=True, models=cards)

    async def ready(self, model: str) -> str:
        """The stem of the file that `model` means."""
        return (await self._files(model)).name

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Files come through set-up; raises `ModelMissing`."""
        raise ModelMissing(model)
        yield PullProgress("")  # makes this a generator

    async def count_tokens(self, text: str, *, model: str) -> int | None:
        """Exact while the model is loaded, else None."""
        if self._server and self._serves(await self._files(model)):
            return await self._server.client.count(text, model)
        return None

    async def _files(self, model: str) -> ModelFiles:
        return await asyncio.to_thread(choose_files, self._settings, model)

    def _serves(self, files: ModelFiles) -> bool:
        return self._server is not None and self._server.files == files and self._server.alive

    async def _serving(self, files: ModelFiles) -> LlamaServer:
        """The server with these files; a start goes on when the one who asked has left."""
        while not (self._server and self._serves(files)):
            if not self._starting:
                self._starting = asyncio.create_task(self._start(files))
                self._starting.add_done_callback(_look_at)
            await asyncio.shield(self._starting)
        return self._server

    async def _start(self, files: ModelFiles) -> None:
        try:
            if self._server:
                await self._server.idle()
                await self._server.end()
            self._server = await LlamaServer.start(files, self._settings)
        finally:
            self._starting = None


def _look_at(task: asyncio.Task[None]) -> None:
    """A start that failed after everyone left is no news to anybody."""
    if not task.cancelled():
        task.exception()
