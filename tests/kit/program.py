"""The program as people start it: a process of its own, a data folder, a free port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

SOURCE = Path(__file__).parents[2]
AIDOCTOR = Path(sys.executable).parent / "aidoctor"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(folder: Path, port: int, **more: str) -> dict[str, str]:
    """The environment of a person who has set nothing but what is given."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIDOCTOR_", "REFLEX_"))}
    return {
        **kept,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "AIDOCTOR_DATA_DIR": str(folder / "data"),
        "AIDOCTOR_PORT": str(port),
        "AIDOCTOR_OPEN_BROWSER": "false",
        **more,
    }


@dataclass
class Program:
    """A running `aidoctor`; what it says is collected in `log`."""

    folder: Path
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    command: Path = AIDOCTOR
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "said.txt").read_text()

    def start(self, working_folder: Path | None = None) -> Program:
        """Start the process without waiting for it."""
        with (self.folder / "said.txt").open("ab") as said:
            self.process = subprocess.Popen(
                [self.command],
                cwd=working_folder or self.folder,
                env=clean_environment(self.folder, self.port, **self.settings),
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        return self

    def wait_for(self, path: str = "/ping", seconds: float = 20) -> httpx.Response:
        """Wait until `path` is answered, however."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(self.address + path, timeout=seconds, trust_env=False)
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no answer at {self.address}{path}:\n{self.log}")

    def end(self, how: int = signal.SIGTERM, seconds: float = 10) -> int:
        """Ask the process to end and return its status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def resident_megabytes(self) -> float:
        """Memory that the process holds."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Program]:
    """A program that answers, ended afterwards; `settings` as `AIDOCTOR_*` variables."""
    folder.mkdir(parents=True, exist_ok=True)
    program = Program(folder, settings=settings).start()
    try:
        program.wait_for()
        yield program
    finally:
        program.end()


@contextlib.contextmanager
def socket_upgrade(port: int, *, host: str = "", origin: str | None = None) -> Iterator[int]:
    """Ask for the page's socket; the status of the answer, and the connection while inside."""
    lines = [
        "GET /_event/?EIO=4&transport=websocket&token=abcd HTTP/1.1",
        f"Host: {host or f'127.0.0.1:{port}'}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *([] if origin is None else [f"Origin: {origin}"]),
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        yield int(connection.recv(64).split()[1])


def handshake(port: int, *, host: str = "", origin: str | None = None) -> int:
    """The status with which the page's socket is granted or refused."""
    with socket_upgrade(port, host=host, origin=origin) as status:
        return status
