"""Foreign failures in our own words: what a server says, and what the client libraries raise.

A server's message may repeat what a person wrote, so none is kept: the detail of an error is a
status, a type name, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from aidoctor.errors import (
    EngineDown,
    EngineError,
    EngineRefused,
    ModelBusy,
    ModelFailed,
    ModelMissing,
    ModelOutOfMemory,
    ModelProtocolError,
    ModelSlow,
    PictureRefused,
    PromptTooLong,
    StreamBroken,
)

_BY_STATUS: dict[int, type[EngineError]] = {
    401: EngineRefused,
    403: EngineRefused,
    404: ModelMissing,
    429: ModelBusy,
    503: ModelBusy,
}

_BY_WORDS: tuple[tuple[re.Pattern[str], type[EngineError]], ...] = (
    (
        re.compile(
            r"system memory|out of memory|cudamalloc|insufficient memory|unable to allocate"
            r"|failed to allocate|runner has unexpectedly stopped|not enough memory",
        ),
        ModelOutOfMemory,
    ),
    (re.compile(r"manifest: file does not exist|model not found"), ModelMissing),
    (re.compile(r"exceed_context|context (size|length|window)|too long"), PromptTooLong),
    (re.compile(r"image|mmproj|multimodal|vision|media"), PictureRefused),
)


def reported(status: int, text: str) -> EngineError:
    """The error for a server's answer: its HTTP status (or 0 mid-stream) and message."""
    words, detail = text.lower(), f"HTTP {status}" if status > 0 else ""
    if status in _BY_STATUS:
        return _BY_STATUS[status](detail)
    for pattern, kind in _BY_WORDS:
        if pattern.search(words):
            return kind(detail)
    if 300 <= status < 400:
        return ModelProtocolError(detail)
    return ModelFailed(detail)


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing out but an `EngineError`: network, JSON and shape failures become ours."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise EngineDown(type(error).__name__) from None
    except httpx.TimeoutException as error:
        raise ModelSlow(type(error).__name__) from None
    except httpx.TransportError as error:
        raise StreamBroken(type(error).__name__) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelProtocolError(type(error).__name__) from None
    except OSError as error:
        raise EngineDown(type(error).__name__) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelProtocolError(type(error).__name__) from None
