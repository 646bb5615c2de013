"""`aidoctor`: take the data folder and the port, show the page, run until told to end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import webbrowser
from types import FrameType
from typing import TYPE_CHECKING

from aidoctor import instance, launch, settings
from aidoctor.errors import AlreadyRunning
from aidoctor.settings import Settings

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

END_WITHIN = 4.5
"""Seconds from the wish to end until the process ends, whatever hangs; SQLite forgives it."""


def serve() -> int:
    """Serve the page until SIGTERM or ctrl-C; return the exit status."""
    wanted = settings.load()
    launch.settle(wanted)
    address = f"http://{_named(wanted.host)}:{wanted.port}"
    try:
        with instance.held(wanted.data_dir, address):
            return _run(wanted, address)
    except AlreadyRunning:
        return _point_to_running(wanted)


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _point_to_running(wanted: Settings) -> int:
    address = instance.running_address(wanted.data_dir)
    if address is None:
        raise AlreadyRunning
    _say(f"AI Doctor is already running at {address}")
    _show(wanted, address)
    return 0


def _run(wanted: Settings, address: str) -> int:
    listener = launch.listen(wanted)
    from aidoctor.settings import PAGE
    from aidoctor.web.server import Server

    began = time.monotonic()
    failures: list[BaseException] = []

    def ready() -> None:
        logging.getLogger("aidoctor").info("ready after %.1f s", time.monotonic() - began)

    def failed(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    with listener:
        front = Server(PAGE, wanted.port, load=_application, ready=ready, failed=failed)
        server = _uvicorn(front, wanted)
        _say(f"AI Doctor is at {address}   (ctrl-C ends it)")
        _show(wanted, address)
        server.run(sockets=[listener])
    if failures:
        raise failures[0]
    return 0


def _application() -> ASGIApp:
    """Import Reflex and the composition root, which opens nothing, and make the application."""
    from aidoctor.aidoctor import app

    application: ASGIApp = app()
    return application


def _uvicorn(application: ASGIApp, wanted: Settings) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """Ends on a signal without raising it again, so that the data folder is let go of."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            self.force_exit = self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            watchdog = threading.Timer(END_WITHIN, os._exit, args=[1])
            watchdog.daemon = True
            watchdog.start()

    logging.basicConfig(level=wanted.log_level.upper(), stream=sys.stderr)
    return Server(
        uvicorn.Config(
            application,
            log_config=None,
            log_level=wanted.log_level,
            access_log=False,
            server_header=False,
            ws_max_size=2 * 1024 * 1024,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
    )


def _show(wanted: Settings, address: str) -> None:
    """Open the browser, where there is one that is not the terminal itself."""
    headless = sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if wanted.open_browser and not headless:
        threading.Thread(target=_open, args=[address], daemon=True).start()


def _open(address: str) -> None:
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(address)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
