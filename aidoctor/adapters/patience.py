"""A server whose queue is full is asked again before anyone is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aidoctor.domain import Delta, ReplyEvent
from aidoctor.errors import ModelBusy

PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each further try."""


async def patiently(
    ask: Callable[[], AsyncGenerator[ReplyEvent, None]],
) -> AsyncGenerator[ReplyEvent, None]:
    """The events of `ask()`, asked again while it raises `ModelBusy` before its first word."""
    for pause in (*PAUSES, None):
        begun = False
        try:
            async with aclosing(ask()) as events:
                async for event in events:
                    begun = begun or isinstance(event, Delta)
                    yield event
            return
        except ModelBusy:
            if begun or pause is None:
                raise
        await asyncio.sleep(pause)
