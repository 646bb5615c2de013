"""The built page as files: which one answers a path, how it may be cached, what it may run.

The page is fixed when it is built, so its inline scripts are known and the Content-Security-Policy
allows exactly those, by hash. Only the port of the server is written into it when it is served.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from dataclasses import dataclass, field
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aidoctor.errors import PageMissing
from aidoctor.web.guard import origins_of, socket_sources

FALLBACK = "__spa-fallback.html"
ANY_CONVERSATION = re.compile(r"/c/[A-Za-z0-9_-]{1,64}/?")
"""Addresses that the page itself resolves; every other unknown one is a 404."""

FOREVER = "public, max-age=31536000, immutable"
EACH_TIME = "no-cache"
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.+?)</script>", re.DOTALL)
BAKED_ADDRESS = re.compile(rb"(http|ws)://localhost:\d+")


@dataclass(frozen=True, slots=True)
class Page:
    """The files of the page below `folder`, served on `port`."""

    folder: Path
    port: int
    files: dict[str, Path] = field(init=False)
    policy: str = field(init=False)

    def __post_init__(self) -> None:
        """List the files once. Raises `PageMissing`."""
        if not (self.folder / "index.html").is_file():
            raise PageMissing
        files = (file for file in self.folder.rglob("*") if file.is_file())
        listed = {"/" + f.relative_to(self.folder).as_posix(): f for f in files}
        object.__setattr__(self, "files", {n: f for n, f in listed.items() if "/." not in n})
        object.__setattr__(self, "policy", self._policy())

    def _policy(self) -> str:
        pages = (file for name, file in self.files.items() if name.endswith(".html"))
        hashes = {_hash(script) for p in pages for script in INLINE_SCRIPT.findall(p.read_text())}
        return "; ".join(
            [
                "default-src 'self'",
                " ".join(["script-src 'self'", *sorted(hashes)]),
                "style-src 'self' 'unsafe-inline'",
                "font-src 'self' data:",
                "img-src 'self' data: blob:",
                "media-src 'self' blob:",
                f"connect-src 'self' {socket_sources(origins_of(self.port))}",
                "frame-src 'none'",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            ]
        )

    def find(self, path: str) -> tuple[str, int]:
        """The name of the file that answers `path`, and the status to answer with."""
        for name in (path, f"{path.rstrip('/')}/index.html", f"{path.rstrip('/')}.html"):
            if name in self.files:
                return name, 200
        if ANY_CONVERSATION.fullmatch(path) and f"/{FALLBACK}" in self.files:
            return f"/{FALLBACK}", 200
        return "/404.html", 404

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a file of the page."""
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            response = Response(status_code=405, headers={"Allow": "GET, HEAD"})
        else:
            response = self._answer(scope["path"], headers)
        await response(scope, receive, send)

    def _answer(self, path: str, asked: Headers) -> Response:
        name, status = self.find(path)
        if name not in self.files:
            return Response("Not found.", status, media_type="text/plain")
        headers = {"Vary": "Accept-Encoding"}
        body = self._body(name, asked.get("accept-encoding", ""), headers)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers["ETag"] = tag
        headers["Cache-Control"] = FOREVER if name.startswith("/assets/") else EACH_TIME
        if name.endswith(".html"):
            headers["Content-Security-Policy"] = self.policy
        if status == 200 and asked.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, status, headers, media_type=_media_type(name))

    def _body(self, name: str, accepted: str, headers: dict[str, str]) -> bytes:
        if name.startswith("/assets/reflex-env-"):
            own = rb"\1://localhost:%d" % self.port
            return BAKED_ADDRESS.sub(own, self.files[name].read_bytes())
        packed = self.files.get(f"{name}.gz")
        if packed is None or "gzip" not in accepted:
            return self.files[name].read_bytes()
        headers["Content-Encoding"] = "gzip"
        return packed.read_bytes()


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _media_type(name: str) -> str:
    if name.endswith((".js", ".mjs")):
        return "text/javascript"  # Windows' registry may say otherwise
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
