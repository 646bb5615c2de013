"""The two clocks of a reply: until the first token, and between tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aidoctor.domain import Delta, Done, ReplyEvent
from aidoctor.errors import ModelSlow, StreamBroken


async def on_time(
    events: AsyncGenerator[ReplyEvent, None], *, first: float, between: float
) -> AsyncGenerator[ReplyEvent, None]:
    """Pass a reply on, in seconds: `first` until its first delta, `between` from then on.

    Progress restarts the first clock. Raises `ModelSlow` when a clock runs out and `StreamBroken`
    when the stream ends without `Done`. Closing this closes the reply.
    """
    limit = first
    async with aclosing(events):
        while True:
            try:
                async with asyncio.timeout(limit):
                    event = await anext(events)
            except StopAsyncIteration:
                raise StreamBroken from None
            except TimeoutError:
                raise ModelSlow from None
            if isinstance(event, Delta):
                limit = between
            yield event
            if isinstance(event, Done):
                return
