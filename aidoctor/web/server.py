"""One ASGI application: the page at once, Reflex's application as soon as it has loaded.

Importing the application takes a second or two, so that happens in a thread while the page is
already on its way to the browser. Requests for the application wait for it.

The application's own lifespan runs here as under `reflex run`: what it opens at start it closes
before the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aidoctor.web.guard import Guard, hosts_of, origins_of
from aidoctor.web.page import Page

APPLICATION_PATHS = ("/api/", "/_event", "/ping")
"""What the application answers; everything else is the page."""


class Server:
    """The page on `port` with the application behind it.

    `failed` is called with what went wrong where the application cannot be loaded or started.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        load: Callable[[], ASGIApp],
        ready: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._page = Page(folder, port)
        self._load = load
        self._ready = ready
        self._failed = failed
        self._behind: asyncio.Future[ASGIApp] | None = None
        self._guard = Guard(self._route, hosts_of(port), origins_of(port))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._guard(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(APPLICATION_PATHS):
            await self._page(scope, receive, send)
            return
        if self._behind is None:
            raise RuntimeError("the server has not started")
        application = await asyncio.shield(self._behind)
        await application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._behind = asyncio.get_running_loop().create_future()
        life = asyncio.create_task(self._run(self._behind), name="application")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self, behind: asyncio.Future[ASGIApp]) -> None:
        """Load the application, keep its lifespan open until cancelled, then close it."""
        try:
            application = await asyncio.to_thread(self._load)
            async with _Lifespan(application):
                behind.set_result(application)
                self._ready()
                await asyncio.Event().wait()
        except Exception as error:
            if not behind.done():
                behind.set_result(_unavailable)
            self._failed(error)


class _Lifespan:
    """The lifespan of an ASGI application as a context manager."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._to: asyncio.Queue[Message] = asyncio.Queue()
        self._from: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        life = self._application(scope, self._to.get, self._from.put)
        self._task = asyncio.ensure_future(life)
        await self._tell("startup")

    async def __aexit__(self, *_: object) -> None:
        await self._tell("shutdown")
        await self._task

    async def _tell(self, phase: str) -> None:
        """Announce `phase` and wait for it; what the application raises comes out here."""
        await self._to.put({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._from.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        answer.cancel()
        if self._task.done() and (error := self._task.exception()):
            raise error
        if answer.done() and answer.result()["type"].endswith(".failed"):
            await self._task


async def _unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in place of an application that could not start."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1011})
        return
    error = {
        "code": "start",
        "what": "AI Doctor could not start.",
        "fix": "Look at the window in which it was started.",
    }
    await JSONResponse({"error": error}, 503)(scope, receive, send)
