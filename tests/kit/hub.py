"""A hub of model files on this machine: resolve, redirect and ranges as on the wire, and vices.

`HEAD /{repo}/resolve/{revision}/{name}` answers 302 with the SHA-256, the size and the commit, as
the hub does; the redirect leads to another host name, as to the hub's CDN, which serves the bytes.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 64 * 1024


@dataclass
class Hub:
    """Files and how badly they are served. Counters fall to zero as the vices are spent."""

    content: bytes
    """What every name leads to that is not among `files`."""
    files: dict[str, bytes] = field(default_factory=dict)
    port: int = 0
    announce: str | None = ""
    """The SHA-256 to announce; the true one where empty, none where None."""
    announced_size: int | None = None
    sends: bytes | None = None
    """Other bytes than the ones announced."""
    status: int = 200
    fail_heads: int = 0
    fail_gets: int = 0
    cut_after: int | None = None
    """Bytes of a body after which the connection ends."""
    cuts: int = 10**9
    stall_after: int | None = None
    """Bytes of a body after which nothing more comes."""
    ranges: bool = True
    pause: float = 0.0
    """Seconds before each piece."""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of every request."""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def named(self, path: str) -> bytes:
        """The file that a path of the hub means."""
        return self.files.get(path.rpartition("/")[2], self.content)

    def hashed(self, path: str) -> bytes:
        """The file that a path of the CDN means."""
        wanted = path.rpartition("/")[2]
        known = [self.content, *self.files.values()]
        return next(one for one in known if hashlib.sha256(one).hexdigest() == wanted)

    @property
    def asked_ranges(self) -> list[str]:
        """The Range header of each request for bytes."""
        return [
            headers.get("range", "")
            for method, path, headers in self.seen
            if method == "GET" and path.startswith("/cdn/")
        ]


@contextmanager
def serving(content: bytes, **vices: object) -> Iterator[Hub]:
    """A hub with one file under any name, until the block ends."""
    hub = Hub(content, **vices)  # type: ignore[arg-type]

    class Bound(_Handler):
        pass

    Bound.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._note()
        if self.hub.fail_heads:
            self.hub.fail_heads -= 1
            self._say(500)
        elif self.hub.status != 200:
            self._say(self.hub.status)
        else:
            self._resolve()

    def do_GET(self) -> None:
        self._note()
        if not self.path.startswith("/cdn/"):
            self._resolve()
        elif self.hub.fail_gets:
            self.hub.fail_gets -= 1
            self._say(500)
        else:
            self._serve()

    def _resolve(self) -> None:
        hub, content = self.hub, self.hub.named(self.path)
        sha256 = hashlib.sha256(content).hexdigest()
        headers = {
            "Location": f"http://localhost:{hub.port}/cdn/{sha256}",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(hub.announced_size or len(content)),
            "Accept-Ranges": "bytes",
            "ETag": '"0a1b2c"',
        }
        if hub.announce is not None:
            headers["X-Linked-Etag"] = f'"{hub.announce or sha256}"'
        self._say(302, headers)

    def _serve(self) -> None:
        body = self.hub.sends if self.hub.sends is not None else self.hub.hashed(self.path)
        asked = self.headers.get("Range")
        if not (asked and self.hub.ranges):
            self._send(200, body, {})
            return
        start = int(asked.removeprefix("bytes=").split("-")[0])
        span = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        self._send(206, body[start:], span)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._start(status, {"Content-Length": str(len(body)), **headers})
        hub, sent = self.hub, 0
        cut = hub.cut_after if hub.cuts > 0 else None
        for start in range(0, len(body), PIECE):
            if hub.stall_after is not None and sent >= hub.stall_after:
                hub.released.wait(60)
                break
            if cut is not None and sent >= cut:
                hub.cuts -= 1
                break
            time.sleep(hub.pause)
            try:
                self.wfile.write(body[start : start + PIECE])
            except OSError:
                break
            sent += len(body[start : start + PIECE])
        self.close_connection = True

    def _say(self, status: int, headers: dict[str, str] | None = None) -> None:
        self._start(status, {"Content-Length": "0", **(headers or {})})

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _note(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.seen.append((self.command, self.path, headers))

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""
