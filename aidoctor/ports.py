"""The ports: what the consultation asks of the outside world, one verb each.

Adapters implement these and translate every foreign exception into `aidoctor.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol, runtime_checkable

from aidoctor.domain import EngineHealth, Message, PullProgress, ReplyEvent


class LanguageModel(Protocol):
    """Something that answers."""

    name: str
    """The name in the settings, such as `ollama`."""
    picture_tokens: int
    """Tokens that the engine counts for one picture when it fits the context."""

    def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Answer `messages` as a stream of `Progress` and `Delta`, ended by exactly one `Done`.

        Raises an `EngineError` for everything that goes wrong. Closing the generator stops
        the engine.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and child processes."""
        ...


@runtime_checkable
class ModelShelf(Protocol):
    """What set-up and the page need beside the reply; an adapter may implement it."""

    async def health(self) -> EngineHealth:
        """Say who answers, where, and which models it has. Raises `EngineDown` and its kin."""
        ...

    async def ready(self, model: str) -> str:
        """Return the name under which `model` can be asked, or raise `ModelMissing`."""
        ...

    def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Fetch or make `model`; closing the generator stops the download."""
        ...

    async def count_tokens(self, text: str, *, model: str) -> int | None:
        """Tokens of `text`, or None where the engine cannot count."""
        ...
