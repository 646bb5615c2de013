"""The embedded engine: llama.cpp in a child process, on files of this machine."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from aidoctor import modelfile
from aidoctor.adapters import llamacpp_child
from aidoctor.adapters.completions import Completions
from aidoctor.domain import EngineHealth, Message, ModelCard, Progress, PullProgress, ReplyEvent
from aidoctor.errors import (
    EngineError,
    ModelCrashed,
    ModelMissing,
    ModelOutOfMemory,
    ModelUnreadable,
)
from aidoctor.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model and, where it sees, its vision projector."""

    gguf: Path
    mmproj: Path | None = None

    @property
    def name(self) -> str:
        """The file's stem: what `model` selects."""
        return self.gguf.stem


def find_files(settings: Settings) -> list[ModelFiles]:
    """The given file, or what lies in the data folder's `models`, by name."""
    if settings.gguf:
        beside = _projector(settings.gguf.parent) if settings.gguf.is_file() else None
        given = ModelFiles(settings.gguf, settings.mmproj or beside)
        return [given] if settings.gguf.is_file() else []
    folder = settings.data_dir / "models"
    texts = [path for path in sorted(folder.rglob("*.gguf")) if "mmproj" not in path.name.lower()]
    return [
        ModelFiles(path, settings.mmproj or _projector(path.parent) or _only_projector(folder))
        for path in texts
    ]


def _projector(folder: Path) -> Path | None:
    found = sorted(path for path in folder.glob("*.gguf") if "mmproj" in path.name.lower())
    return found[0] if found else None


def _only_projector(folder: Path) -> Path | None:
    found = [path for path in folder.rglob("*.gguf") if "mmproj" in path.name.lower()]
    return found[0] if len(found) == 1 else None


class LlamaCppEngine:
    """Starts its child at the first reply, and again after a crash."""

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
        self._child: _Child | None = None
        self._start: asyncio.Task[_Child] | None = None
        self._lock = asyncio.Lock()

    async def aclose(self) -> None:
        """End the child."""
        if self._start:
            self._start.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await self._start
        if self._child:
            await self._child.end()

    async def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Stream the answer; see the port."""
        files = self._files(model)
        if not self._serves(files):
            yield Progress("loading")
        child = await self._serving(files)
        child.replies += 1
        try:
            answer = child.server.reply(
                messages, model=files.name, think=think, options=self._options
            )
            async with aclosing(answer):
                async for event in answer:
                    yield event
        except EngineError as error:
            if await child.has_ended():
                raise ModelCrashed(error.code) from None
            raise
        finally:
            child.replies -= 1

    async def health(self) -> EngineHealth:
        """List the files; nothing is loaded."""
        context = self._settings.context_tokens or modelfile.num_ctx()
        cards = tuple(
            ModelCard(
                files.name,
                files.gguf.stat().st_size,
                sees=bool(files.mmproj),
                context_tokens=context,
            )
            for files in await asyncio.to_thread(find_files, self._settings)
        )
        return EngineHealth(self.name, "this process", local=True, models=cards)

    async def ready(self, model: str) -> str:
        """The stem of the file that `model` means."""
        return (await asyncio.to_thread(self._files, model)).name

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Files come through set-up; raises `ModelMissing`."""
        raise ModelMissing(model)
        yield PullProgress("")  # makes this a generator

    async def count_tokens(self, text: str, *, model: str) -> int | None:
        """Exact while the model is loaded, else None."""
        if self._child and self._serves(self._files(model)):
            return await self._child.server.count(text, model)
        return None

    def _files(self, model: str) -> ModelFiles:
        found = find_files(self._settings)
        chosen = [files for files in found if files.name == model] or found
        if not chosen and self._settings.gguf:
            raise ModelMissing(
                what=f"There is no file {self._settings.gguf}.", fix="Correct the setting gguf."
            )
        if not chosen:
            raise ModelMissing
        if len(chosen) > 1:
            names = ", ".join(files.name for files in chosen)
            raise ModelMissing(
                what="There are several model files.", fix=f"Set model to one of: {names}."
            )
        return chosen[0]

    def _serves(self, files: ModelFiles) -> bool:
        return self._child is not None and self._child.files == files and self._child.alive

    async def _serving(self, files: ModelFiles) -> _Child:
        """The child with these files. A start goes on when the one who asked has left."""
        async with self._lock:
            if self._start is None and not self._serves(files):
                self._start = asyncio.create_task(self._replace(files))
            if self._start:
                try:
                    self._child = await asyncio.shield(self._start)
                finally:
                    if self._start.done():
                        self._start = None
            assert self._child
        return self._child if self._child.files == files else await self._serving(files)

    async def _replace(self, files: ModelFiles) -> _Child:
        if self._child:
            await self._child.idle()
            await self._child.end()
        return await _Child.start(files, self._settings)


class _Child:
    """A running child process and the client that talks to it."""

    def __init__(
        self, files: ModelFiles, process: asyncio.subprocess.Process, server: Completions
    ) -> None:
        self.files = files
        self.server = server
        self.replies = 0
        self._process = process

    @classmethod
    async def start(cls, files: ModelFiles, settings: Settings) -> _Child:
        """Load the model; raises `ModelUnreadable` or `ModelOutOfMemory` with llama.cpp's reason."""
        key = secrets.token_urlsafe(32)
        order = {
            "gguf": str(files.gguf),
            "mmproj": str(files.mmproj or ""),
            "alias": files.name,
            "context": settings.context_tokens or modelfile.num_ctx(),
            "slots": settings.parallel_answers,
            "threads": settings.threads,
            "key": key,
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", llamacpp_child.__file__, stdin=pipe, stdout=pipe, stderr=pipe
        )
        try:
            address = await _greet(process, order)
        except BaseException:
            await _end(process)
            raise
        server = Completions(
            f"{address}/v1",
            key=key,
            connect=settings.connect_timeout,
            silence=max(settings.first_token_timeout, settings.token_timeout) + 30,
        )
        return cls(files, process, server)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def has_ended(self) -> bool:
        """Whether the process is gone; a moment is allowed for the news to arrive."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1)
        return not self.alive

    async def idle(self) -> None:
        """Wait until no reply runs."""
        while self.replies and self.alive:
            await asyncio.sleep(0.05)

    async def end(self) -> None:
        """Close the client and the process."""
        await self.server.aclose()
        await _end(self._process)


async def _greet(process: asyncio.subprocess.Process, order: dict[str, object]) -> str:
    """Give the order, wait for the address, keep the pipes empty from then on."""
    assert process.stdin and process.stdout and process.stderr
    last: deque[str] = deque(maxlen=40)
    drain = asyncio.create_task(_drain(process.stderr, last))
    process.stdin.write(json.dumps(order).encode() + b"\n")
    with suppress(ConnectionError):
        await process.stdin.drain()
    address = (await process.stdout.readline()).decode().strip()
    if not address:
        await drain
        raise _unreadable(last)
    last.clear()
    _DRAINS.add(drain)
    drain.add_done_callback(_DRAINS.discard)
    return address


_DRAINS: set[asyncio.Task[None]] = set()


async def _drain(stream: asyncio.StreamReader, last: deque[str]) -> None:
    while chunk := await stream.read(4096):
        last.append(chunk.decode("utf-8", "replace"))


def _unreadable(lines: deque[str]) -> EngineError:
    said = "".join(lines).splitlines()
    reasons = [line.strip() for line in said if "error" in line.lower() or "fail" in line.lower()]
    if any("alloc" in line or "memory" in line for line in reasons):
        return ModelOutOfMemory(reasons[0][:300])
    return ModelUnreadable(reasons[0][:300] if reasons else "")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), 2)
    except TimeoutError:
        process.kill()
        await process.wait()
