"""The parent's side of decoding: one worker, started when first needed, watched, and replaced.

No decoder runs, or is even imported, in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from typing import BinaryIO, cast

from aidoctor.domain import CleanImage
from aidoctor.errors import ImageDamaged, ImageError, ImageMemory, ImageTimeout
from aidoctor.imaging import wire
from aidoctor.imaging.formats import recognise

SECONDS = 10.0
"""Longest time for one picture."""

HEADROOM = 1 << 30
"""Bytes that the worker may grow by."""

_LOOK_EVERY = 0.05


class ImageCleaner:
    """Makes clean copies of pictures, one at a time."""

    def __init__(self, *, seconds: float = SECONDS, headroom: int = HEADROOM) -> None:
        self._seconds = seconds
        self._headroom = headroom
        self._turn = asyncio.Lock()
        self._worker: _Worker | None = None

    async def clean(self, data: bytes | bytearray) -> CleanImage:
        """Return clean copies of the picture in `data`, or raise the `ImageError` that fits."""
        recognise(data)
        async with self._turn:
            result = await self._exchange(data)
        if isinstance(result, ImageError):
            raise result
        return result

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, None while there is none."""
        return self._worker.process.pid if self._worker and self._worker.alive else None

    async def aclose(self) -> None:
        """End the worker; another `clean` would start a new one."""
        async with self._turn:
            self._end_worker()

    async def _exchange(self, data: bytes | bytearray) -> CleanImage | ImageError:
        worker = self._ready_worker()
        exchange = asyncio.create_task(asyncio.to_thread(worker.exchange, data))
        try:
            await self._watch(worker, exchange)
        except BaseException:  # a limit or a cancellation leaves half a picture in the pipes
            self._end_worker()
            await asyncio.wait({exchange})
            raise
        result = exchange.result()
        if isinstance(result, ImageMemory):
            self._end_worker()  # a fresh process has its memory in one piece again
        return result

    async def _watch(
        self, worker: _Worker, exchange: asyncio.Task[CleanImage | ImageError]
    ) -> None:
        deadline = time.monotonic() + self._seconds
        while not (await asyncio.wait({exchange}, timeout=_LOOK_EVERY))[0]:
            if worker.resident() > self._headroom:
                raise ImageMemory
            if time.monotonic() > deadline:
                raise ImageTimeout

    def _ready_worker(self) -> _Worker:
        if self._worker is None or not self._worker.alive:
            self._end_worker()
            self._worker = _Worker(self._headroom, self._seconds)
        return self._worker

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Worker:
    """One child process."""

    def __init__(self, headroom: int, seconds: float) -> None:
        module = "aidoctor.imaging.worker"
        # Its own clock is the spare one: it matters when this process is not there to look.
        limits = (str(headroom), str(seconds + 2))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", module, *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._in = cast("BinaryIO", self.process.stdin)
        self._out = cast("BinaryIO", self.process.stdout)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def exchange(self, data: bytes | bytearray) -> CleanImage | ImageError:
        """Hand over a file and wait for what comes of it; blocks until then or until the end."""
        try:
            wire.send(self._in, data)
            return wire.receive_result(self._out)
        except (EOFError, OSError, ValueError, LookupError, TypeError):
            self.end()
            return ImageDamaged("the worker ended")

    def resident(self) -> int:
        """Bytes in memory; watched since not every system lets a process be limited."""
        import psutil

        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):
                pipe.close()
