"""An OpenAI-compatible server that writes numbered words at a given rate and stamps each one.

The last message says what to write: "RATE TOKENS" such as "200 1000"; any other message is answered
with `SAMPLE`, which the pictures in the documentation show. Run as a process of its own,
`python -m tests.kit.scripted_server PORT`, so that its clock is not held up by the measurement.
`GET /stamps` gives what it noted since the last time, in seconds of CLOCK_MONOTONIC.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

SAMPLE = """A headache that began on Monday and sits behind one eye is often a **tension headache or
migraine**, and less often comes from the sinuses or the eye itself. I cannot examine you, so this
is not a diagnosis.

To understand it better:

1. Did it begin **suddenly**, within a minute, or slowly?
2. Do you notice fever, a stiff neck, a red eye, or changes in what you see?
3. How old are you, and do you take any medicines?

**Be seen today** if the eye is red or your sight changes. **Call your emergency number** if it is
the worst headache of your life, or comes with weakness, confusion or trouble speaking.
"""

notes: list[dict[str, object]] = []


def word(number: int) -> str:
    """The token with this number, as Markdown has them: mostly words, some marks, paragraphs."""
    name = f"w{number:05d}"
    if number % 120 == 0:
        return f"\n\n## Part {name}\n\n"
    if number % 40 == 0:
        return f"\n\n- **{name}** "
    return f"*{name}* " if number % 15 == 0 else f"{name} "


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


async def _write(rate: float, tokens: int, note: dict[str, object]) -> AsyncIterator[bytes]:
    written: list[float] = []
    note["written"] = written
    began = time.monotonic()
    try:
        for number in range(1, tokens + 1):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            written.append(time.monotonic())
            yield _event({"content": word(number)})
        yield _event({}, "stop")
        yield b"data: [DONE]\n\n"
    finally:
        note["closed"] = time.monotonic()


async def _recite() -> AsyncIterator[bytes]:
    for piece in re.split(r"(?<= )", SAMPLE):
        yield _event({"content": piece})
    yield _event({}, "stop")
    yield b"data: [DONE]\n\n"


async def _complete(request: Request) -> StreamingResponse:
    note: dict[str, object] = {"asked": time.monotonic()}
    notes.append(note)
    content = (await request.json())["messages"][-1]["content"]
    asked = re.fullmatch(r"(\d+) (\d+)", content.strip())
    if asked is None:
        return StreamingResponse(_recite(), media_type="text/event-stream")
    rate, tokens = asked.groups()
    return StreamingResponse(_write(float(rate), int(tokens), note), media_type="text/event-stream")


async def _models(request: Request) -> JSONResponse:
    return JSONResponse({"object": "list", "data": [{"id": "scripted", "object": "model"}]})


async def _stamps(request: Request) -> JSONResponse:
    told = list(notes)
    notes.clear()
    return JSONResponse(told)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", _complete, methods=["POST"]),
        Route("/v1/models", _models),
        Route("/stamps", _stamps),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
