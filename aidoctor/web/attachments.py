"""Pictures over HTTP: attach one, show one, take one back.

    POST   /api/attachments?name=...[&temporary=1]   the file as the body
           201 {"id", "name", "width", "height", "notice"}, or 4xx {"error": {code, what, fix}}
    GET    /api/attachments/{id}                     the clean copy, always WebP
    DELETE /api/attachments/{id}                     204; only while no turn has it

The file is never written anywhere: it is read up to the limit, cleaned, and forgotten. Its name is
a label for people; it names nothing on disk.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aidoctor.errors import (
    AIDoctorError,
    ImageDamaged,
    ImageError,
    ImageMemory,
    ImageTimeout,
    ImageTooLarge,
    ImageTooManyPixels,
    NotFound,
    UploadTooSlow,
    describe,
)
from aidoctor.imaging import ImageCleaner
from aidoctor.imaging.formats import MAX_BYTES
from aidoctor.store import Store

UPLOAD_SECONDS = 60.0
"""Longest time for the body to arrive, which on one machine is ample."""

MAX_LABEL = 80

_AT_ONCE = 2
_STATUS: dict[type[AIDoctorError], int] = {
    NotFound: 404,
    UploadTooSlow: 408,
    ImageTooLarge: 413,
    ImageTooManyPixels: 422,
    ImageDamaged: 422,
    ImageTimeout: 422,
    ImageMemory: 422,
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_KEPT = "private, max-age=31536000, immutable"
_TEMPORARY = "private, no-store"

Handler = Callable[[Request], Awaitable[Response]]


def routes(
    store_for: Callable[[bool], Store],
    cleaner: Callable[[], ImageCleaner],
    *,
    upload_seconds: float = UPLOAD_SECONDS,
) -> list[Route]:
    """The three routes. `store_for(temporary)` says where pictures are, at each request."""
    places = asyncio.Semaphore(_AT_ONCE)  # so that many uploads at once take no more memory

    async def attach(request: Request) -> Response:
        query = request.query_params
        async with places:
            clean = await cleaner().clean(await _body(request, upload_seconds))
        store = store_for(query.get("temporary") == "1")
        made = await asyncio.to_thread(store.add_attachment, clean, label(query.get("name", "")))
        shown = ("id", "name", "width", "height", "notice")
        return JSONResponse({key: getattr(made, key) for key in shown}, status_code=201)

    async def show(request: Request) -> Response:
        wanted = request.path_params["attachment_id"]
        view, temporary = await asyncio.to_thread(_find, store_for, wanted)
        headers = _HEADERS | {"Cache-Control": _TEMPORARY if temporary else _KEPT}
        return Response(view, media_type="image/webp", headers=headers)

    async def take_back(request: Request) -> Response:
        await asyncio.to_thread(_drop, store_for, request.path_params["attachment_id"])
        return Response(status_code=204)

    one = "/api/attachments/{attachment_id}"
    return [
        Route("/api/attachments", _told(attach), methods=["POST"]),
        Route(one, _told(show), methods=["GET"]),
        Route(one, _told(take_back), methods=["DELETE"]),
    ]


def label(name: str) -> str:
    """A file's name as people may see it: no folders, no invisible characters, 80 at most."""
    visible = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    last = re.split(r"[/\\]", visible)[-1]
    return " ".join(last.split())[:MAX_LABEL].strip() or "picture"


async def _body(request: Request, seconds: float) -> bytearray:
    """The whole body; refused at its announcement or at the first byte above the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BYTES:
        raise ImageTooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > MAX_BYTES:
                    raise ImageTooLarge
                body += chunk
    except TimeoutError as error:
        raise UploadTooSlow from error
    return body


def _find(store_for: Callable[[bool], Store], attachment_id: str) -> tuple[bytes, bool]:
    try:
        return store_for(True).attachment_view(attachment_id), True
    except NotFound:
        return store_for(False).attachment_view(attachment_id), False


def _drop(store_for: Callable[[bool], Store], attachment_id: str) -> None:
    try:
        store_for(True).drop_attachment(attachment_id)
    except NotFound:
        store_for(False).drop_attachment(attachment_id)


def _told(handler: Handler) -> Handler:
    """Errors of ours become an answer that says them; any other is a fault of the program."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except AIDoctorError as error:
            return _refusal(error)

    return answer


def _refusal(error: AIDoctorError) -> JSONResponse:
    otherwise = 415 if isinstance(error, ImageError) else 503
    # What still arrives of a late upload is not waited for.
    headers = {"Connection": "close"} if isinstance(error, UploadTooSlow) else {}
    status = _STATUS.get(type(error), otherwise)
    return JSONResponse({"error": describe(error)}, status_code=status, headers=headers)
