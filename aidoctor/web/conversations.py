"""Conversations over HTTP: take one along as a file, bring one back.

GET  /api/conversations/{id}/export.json   everything, pictures and branches included
GET  /api/conversations/{id}/export.md     the branch that is shown, to read
POST /api/conversations/import             such a JSON file as the body
     201 {"id"}, or 4xx {"error": {code, what, fix}}
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aidoctor import archive
from aidoctor.domain import CleanImage
from aidoctor.errors import (
    AIDoctorError,
    ImageError,
    ImportRefused,
    ImportTooLarge,
    NotFound,
    UploadTooSlow,
    describe,
)
from aidoctor.store import Store

UPLOAD_SECONDS = 120.0
"""Longest time for a file to arrive."""

_NAME_LENGTH = 60
_KINDS = {
    "json": ("application/json", archive.to_json),
    "md": ("text/markdown; charset=utf-8", archive.to_markdown),
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}

_RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(10)
}
_STATUS: dict[type[AIDoctorError], int] = {
    NotFound: 404,
    UploadTooSlow: 408,
    ImportTooLarge: 413,
    ImportRefused: 422,
    ImageError: 422,
}

Clean = Callable[[bytes], Awaitable[CleanImage]]
Handler = Callable[[Request], Awaitable[Response]]


def routes(
    store_of: Callable[[str], Store],
    open_store: Callable[[], Store],
    clean: Clean,
    *,
    limit: int = archive.MAX_BYTES,
    upload_seconds: float = UPLOAD_SECONDS,
) -> list[Route]:
    """The three routes.

    `store_of(id)` says, in a thread, where a conversation is; `open_store()` where new ones go;
    `clean` makes two clean copies of a picture or raises an `ImageError`.
    """
    one_by_one = asyncio.Lock()  # since a file is held in memory whole

    def export(kind: str) -> Handler:
        async def answer(request: Request) -> Response:
            wanted = request.path_params["conversation_id"]
            return await asyncio.to_thread(_file, store_of, wanted, kind)

        return answer

    async def bring_back(request: Request) -> Response:
        async with one_by_one:
            read = await asyncio.to_thread(
                archive.parse, await _body(request, limit, upload_seconds)
            )
            pictures = {key: await clean(data) for key, data in read.pictures.items()}
            made = await asyncio.to_thread(archive.restore, open_store(), read, pictures)
        return JSONResponse({"id": made.id}, status_code=201)

    one = "/api/conversations/{conversation_id}"
    return [
        Route("/api/conversations/import", _told(bring_back), methods=["POST"]),
        *(Route(f"{one}/export.{kind}", _told(export(kind)), methods=["GET"]) for kind in _KINDS),
    ]


def _file(store_of: Callable[[str], Store], conversation_id: str, kind: str) -> Response:
    media_type, write = _KINDS[kind]
    store = store_of(conversation_id)
    name = file_name(store.conversation(conversation_id).title)
    content = write(store, conversation_id).encode()
    disposition = f"attachment; filename*=UTF-8''{quote(name)}.{kind}"
    headers = _HEADERS | {"Content-Disposition": disposition}
    return Response(content, media_type=media_type, headers=headers)


def file_name(title: str) -> str:
    """A name that every system takes: words and hyphens alone, never empty, never reserved."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", title))
    name = "-".join(words)[:_NAME_LENGTH].strip("-_") or "conversation"
    return f"conversation-{name}" if name.casefold() in _RESERVED else name


async def _body(request: Request, limit: int, seconds: float) -> bytearray:
    """The whole body; refused at its announcement or at the first byte above the limit."""
    too_large = ImportTooLarge(f"{limit} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_large
                body += chunk
    except TimeoutError:
        raise UploadTooSlow from None
    return body


def _told(handler: Handler) -> Handler:
    """Errors of ours become an answer that says them."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except AIDoctorError as error:
            status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 503)
            return JSONResponse({"error": describe(error)}, status_code=status, headers=_HEADERS)

    return answer
