"""llama.cpp's server in a child process: start it, talk to it, end it."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aidoctor import modelfile
from aidoctor.adapters import llamacpp_child
from aidoctor.adapters.completions import Completions
from aidoctor.adapters.llamacpp_files import ModelFiles
from aidoctor.errors import EngineError, ModelOutOfMemory, ModelUnreadable
from aidoctor.settings import Settings


class LlamaServer:
    """A running child process and the client that talks to it."""

    def __init__(
        self, files: ModelFiles, process: Process, client: Completions, drain: asyncio.Task[None]
    ) -> None:
        self.files = files
        self.client = client
        self._process = process
        self._drain = drain
        self._replies = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @classmethod
    async def start(cls, files: ModelFiles, settings: Settings) -> LlamaServer:
        """Load the model; raises `ModelUnreadable` or `ModelOutOfMemory`.

        The order goes by the child's input: neither the key nor a path is in the process list.
        """
        # -P: whatever lies in the working folder is not imported.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", llamacpp_child.__file__, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        last: deque[str] = deque(maxlen=40)
        drain = asyncio.create_task(_drain(process, last))
        key = secrets.token_urlsafe(32)
        try:
            address = await _told(process, _order(files, settings) | {"key": key})
            if not address:
                await drain
                raise _reason("".join(last))
        except BaseException:
            await _end(process)
            raise
        silence = settings.first_token_timeout + settings.token_timeout
        client = Completions(
            f"{address}/v1", key=key, connect=settings.connect_timeout, silence=silence
        )
        return cls(files, process, client, drain)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def has_ended(self) -> bool:
        """Whether the process is gone; a moment is allowed for the news to arrive."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1)
        return not self.alive

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark that a reply runs."""
        self._replies += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._replies -= 1
            if not self._replies:
                self._quiet.set()

    async def idle(self) -> None:
        """Wait until no reply runs."""
        await self._quiet.wait()

    async def end(self) -> None:
        """Close the client and the process."""
        await self.client.aclose()
        await _end(self._process)
        await self._drain


def _order(files: ModelFiles, settings: Settings) -> dict[str, object]:
    return {
        "gguf": str(files.gguf),
        "mmproj": str(files.mmproj or ""),
        "alias": files.name,
        "context": settings.context_tokens or modelfile.num_ctx(),
        "slots": settings.parallel_answers,
        "threads": settings.threads,
    }


async def _told(process: Process, order: dict[str, object]) -> str:
    """Give the order and wait for the address; empty when the child ended instead."""
    if not process.stdin or not process.stdout:
        return ""
    with suppress(ConnectionError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
    return (await process.stdout.readline()).decode().strip()


async def _drain(process: Process, last: deque[str]) -> None:
    """Keep the pipe empty. The last words may tell why a start failed; nothing is logged."""
    while process.stderr and (chunk := await process.stderr.read(4096)):
        last.append(chunk.decode("utf-8", "replace"))


def _reason(said: str) -> EngineError:
    lines = [line.strip() for line in said.splitlines()]
    told = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    if any("alloc" in line or "out of memory" in line for line in told):
        return ModelOutOfMemory(told[0][:300])
    return ModelUnreadable(told[0][:300] if told else "")


async def _end(process: Process) -> None:
    """Close its input, which asks it to end; insist after two seconds."""
    if process.stdin:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), 2)
    except TimeoutError:
        process.kill()
        await process.wait()
