"""Who may talk to this process: the page that it serves, on this machine, and nobody else.

A web page anywhere may send requests to loopback, and a name that an attacker owns may resolve to
it. So every HTTP request and socket must name this machine as Host; whatever changes something,
and every socket, must come from our own page (Origin); other sites may not even read from `/api`
(Sec-Fetch-Site). Every answer carries the headers that keep it from being framed or sniffed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
MIB = 1024 * 1024
BODY_LIMITS = (
    ("/api/conversations/import", 256 * MIB),
    ("/api/attachments", 21 * MIB),
    ("", MIB),
)
"""Longest request body in bytes, by the first prefix that fits the path."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(self), geolocation=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
"""Set on every answer that does not set them itself; the page brings its own policy."""


def hosts_of(port: int) -> frozenset[str]:
    """The Host headers that name this machine at `port`."""
    names = {f"{name}:{port}" for name in LOOPBACK_NAMES}
    return frozenset(names | set(LOOPBACK_NAMES) if port == 80 else names)


def origins_of(port: int) -> frozenset[str]:
    """The origins of a page that this machine serves at `port`."""
    return frozenset(f"http://{host}" for host in hosts_of(port))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further."""

    status: int
    code: str
    what: str
    fix: str

    def body(self) -> bytes:
        """The refusal as the page and people's own tools read it."""
        error = {"code": self.code, "what": self.what, "fix": self.fix}
        return json.dumps({"error": error}).encode()


WRONG_HOST = Refusal(
    403,
    "host-refused",
    "This address is not how AI Doctor is reached.",
    "Open it at http://127.0.0.1 and its port.",
)
WRONG_ORIGIN = Refusal(
    403,
    "origin-refused",
    "Only AI Doctor's own page may do this.",
    "Reload the page and try again.",
)
TOO_LARGE = Refusal(
    413, "too-large", "This is too large to send.", "Send something smaller, or in parts."
)


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application that lets only our own page through to `app`."""

    app: ASGIApp
    hosts: frozenset[str]
    origins: frozenset[str]
    own_site_only: bool = True
    """Whether `/api` may be read by our own origin alone; `reflex run` has two ports, so two."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is allowed and refuse the rest."""
        if scope["type"] == "websocket":
            if self._refusal(scope):
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return WRONG_HOST
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if not origins:
            foreign = changes or self._read_by_others(scope["path"], headers)
        else:
            foreign = len(origins) != 1 or origins[0] not in self.origins
        return WRONG_ORIGIN if foreign else None

    def _read_by_others(self, path: str, headers: Headers) -> bool:
        others = {"cross-site", "same-site"} if self.own_site_only else {"cross-site"}
        return path.startswith("/api") and headers.get("sec-fetch-site") in others

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        limit = next(most for prefix, most in BODY_LIMITS if scope["path"].startswith(prefix))
        if refusal is None and _announced(scope) > limit:
            refusal = TOO_LARGE
        exchange = _Exchange(receive, send, limit)
        if refusal is not None:
            await exchange.refuse(refusal)
            return
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Exception:
            if not exchange.refused:
                raise


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


class _Exchange:
    """One request: counts what comes in, and puts the headers on what goes out."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._started = False
        self.refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._left -= len(message.get("body", b""))
        if self._left >= 0:
            return message
        await self.refuse(TOO_LARGE)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.refused:
            return
        if message["type"] == "http.response.start":
            self._started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with `refusal`, unless an answer is under way, and let nothing follow it."""
        body = refusal.body()
        if not self._started:
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"connection", b"close"),
            ]
            start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
            await self.send(start)
            await self.send({"type": "http.response.body", "body": body})
        self.refused = True


def guarded(app: ASGIApp) -> Guard:
    """Guard Reflex's own application, as its last `api_transformer`.

    Under `reflex run` the page has another port than the application, so both origins count.
    """
    from reflex_base.config import get_config

    config = get_config()
    page, api = config.frontend_port or 3000, config.backend_port or 8000
    return Guard(
        app,
        hosts=hosts_of(api),
        origins=origins_of(page) | origins_of(api),
        own_site_only=page == api,
    )


def socket_sources(origins: Iterable[str]) -> str:
    """`origins` as socket addresses of a Content-Security-Policy, which knows no IPv6."""
    named = (origin for origin in origins if "[" not in origin)
    return " ".join(sorted(origin.replace("http:", "ws:", 1) for origin in named))
