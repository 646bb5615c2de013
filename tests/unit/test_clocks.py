"""A reply that is late, silent or without an end is an error, never a quiet stop."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from aidoctor.clocks import on_time
from aidoctor.domain import Delta, Done, Progress, ReplyEvent
from aidoctor.errors import ModelSlow, StreamBroken


async def reply(*steps: float | ReplyEvent) -> AsyncGenerator[ReplyEvent, None]:
    for step in steps:
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield step


async def heard(
    events: AsyncGenerator[ReplyEvent, None], first=0.1, between=0.1
) -> list[ReplyEvent]:
    return [event async for event in on_time(events, first=first, between=between)]


async def test_a_reply_in_time_passes_unchanged():
    """Events arrive as they were sent."""
    events = [Progress("loading"), Delta("a"), Delta("b"), Done("stop")]
    assert await heard(reply(*events)) == events


async def test_progress_restarts_the_first_clock():
    """A picture that takes long is waited for as long as the engine reports progress."""
    steps = [
        0.06,
        Progress("reading", 1, 3),
        0.06,
        Progress("reading", 2, 3),
        0.06,
        Delta("a"),
        Done("stop"),
    ]
    assert (await heard(reply(*steps)))[-1] == Done("stop")


async def test_no_first_token_is_slow():
    """Silence before the first token ends at its own limit."""
    with pytest.raises(ModelSlow):
        await heard(reply(0.3, Delta("a")), first=0.05, between=1)


async def test_silence_between_tokens_is_slow():
    """Silence after the first token ends at the shorter limit."""
    with pytest.raises(ModelSlow):
        await heard(reply(Delta("a"), 0.3, Done("stop")), first=1, between=0.05)


async def test_a_stream_without_its_end_is_broken():
    """A stream that just ends lost something."""
    with pytest.raises(StreamBroken):
        await heard(reply(Delta("a")))


async def test_closing_closes_the_engine():
    """Who stops listening stops the engine."""
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[ReplyEvent, None]:
        try:
            while True:
                yield Delta("tick")
        finally:
            closed.set()

    events = on_time(endless(), first=1, between=1)
    await anext(events)
    await events.aclose()
    assert closed.is_set()
