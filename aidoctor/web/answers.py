"""`GET /api/answers/{turn_id}`: one answer as NDJSON, live or from the store.

Each line is one JSON value:

    [n, "delta"]       answer text; n code points of it so far, the number to resume from
    [m, "delta", 1]    thought; m code points of it so far
    {"stage": "waiting" | "loading" | "reading", "done": 0, "total": 0, "seconds": 3.2}
    {"reset": true}    the reader is ahead of what was kept: everything follows from 0
    {"end": "complete" | "stopped" | "interrupted" | "failed", "error": {code, what, fix} | null}

The end is always the last line. A stream that closes without it was cut: the reader comes back
with `?text=n&thought=m`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from aidoctor.answer import AnswerEvent, End, Piece, Reset, Stage, replay
from aidoctor.consultation import Consultation
from aidoctor.domain import TurnStatus
from aidoctor.errors import BadRequest, NotFound, describe, find
from aidoctor.records import Records


def routes(consultation: Callable[[], Consultation], records: Callable[[], Records]) -> list[Route]:
    """The route; what it reads from is asked for at each request, since it opens after import."""

    async def read(request: Request) -> Response:
        turn_id = request.path_params["turn_id"]
        try:
            text, thought = (
                max(0, int(request.query_params.get(k, 0))) for k in ("text", "thought")
            )
        except ValueError:
            return JSONResponse({"error": describe(BadRequest())}, status_code=400)
        try:
            events = await _events(consultation(), records(), turn_id, text, thought)
        except NotFound as error:
            return JSONResponse({"error": describe(error)}, status_code=404)
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(_lines(events), media_type="application/x-ndjson", headers=headers)

    return [Route("/api/answers/{turn_id}", read)]


async def _events(
    consultation: Consultation, records: Records, turn_id: str, text: int, thought: int
) -> AsyncGenerator[AnswerEvent, None]:
    live = consultation.answer(turn_id)
    if live is not None:
        return live.follow(text, thought)
    turn = await asyncio.to_thread(lambda: records.with_turn(turn_id).turn(turn_id))
    status = TurnStatus.INTERRUPTED if turn.status is TurnStatus.STREAMING else turn.status
    end = End(status, turn.error)
    return replay(turn.text, turn.thought, end, text_from=text, thought_from=thought)


async def _lines(events: AsyncGenerator[AnswerEvent, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            yield _line(event)


def _line(event: AnswerEvent) -> bytes:
    return json.dumps(_value(event), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _value(event: AnswerEvent) -> object:
    match event:
        case Piece(upto, text, "text"):
            return [upto, text]
        case Piece(upto, text, _):
            return [upto, text, 1]
        case Stage(progress, seconds):
            numbers = {"done": progress.done, "total": progress.total}
            return {"stage": progress.stage, **numbers, "seconds": round(seconds, 1)}
        case Reset():
            return {"reset": True}
        case End(status, error):
            return {"end": status, "error": describe(find(error)()) if error else None}
