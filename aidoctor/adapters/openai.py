"""Any OpenAI-compatible server: vLLM, Ray Serve, llama-server, LM Studio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from aidoctor.adapters.address import is_loopback, with_scheme
from aidoctor.adapters.completions import Completions
from aidoctor.adapters.failures import translated
from aidoctor.adapters.patience import patiently
from aidoctor.domain import EngineHealth, Message, ModelCard, PullProgress, ReplyEvent
from aidoctor.errors import EngineError, ModelMissing
from aidoctor.settings import Settings


class OpenAIEngine:
    """A server that other people run; it has its models and keeps them."""

    name = "openai"
    picture_tokens = 256

    def __init__(self, settings: Settings) -> None:
        self._address = with_scheme(settings.openai_base_url)
        self._options = {
            "max_tokens": settings.answer_tokens,
            "temperature": settings.temperature,
        }
        self._server = Completions(
            self._address,
            key=settings.openai_api_key.get_secret_value(),
            connect=settings.connect_timeout,
            silence=settings.first_token_timeout + settings.token_timeout,
        )
        self._ready: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._server.aclose()

    async def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Stream the answer; see the port."""
        try:
            ask = partial(
                self._server.reply, messages, model=model, think=think, options=self._options
            )
            async with aclosing(patiently(ask)) as events:
                async for event in events:
                    yield event
        except EngineError:
            self._ready.clear()
            raise

    async def health(self) -> EngineHealth:
        """Ask the server for its models, and for their abilities where it says."""
        with translated():
            served = (await self._server.get("models")).get("data") or []
            props = await self._props()
            cards = tuple(_card(entry, props) for entry in served)
        return EngineHealth(self.name, self._address, is_loopback(self._address), models=cards)

    async def _props(self) -> Mapping[str, Any]:
        """What llama.cpp's server says of itself; other servers do not have it."""
        with suppress(EngineError):
            found = await self._server.get("/props")
            return found if isinstance(found, Mapping) else {}
        return {}

    async def ready(self, model: str) -> str:
        """`model` if the server has it, else the one model that it serves."""
        if model not in self._ready:
            names = [card.name for card in (await self.health()).models]
            if model not in names and len(names) != 1:
                raise ModelMissing(
                    what=f"The model server has no model named {model or '(none)'}.",
                    fix=f"Set model to one of: {', '.join(names)}." if names else "Load one there.",
                )
            self._ready[model] = model if model in names else names[0]
        return self._ready[model]

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """The server's own keeper adds models; raises `ModelMissing`."""
        raise ModelMissing(
            what=f"The model server does not have {model}.", fix="Load it in the model server."
        )
        yield PullProgress("")  # makes this a generator

    async def count_tokens(self, text: str, *, model: str) -> int | None:
        """Exact where the server can (llama.cpp, vLLM)."""
        return await self._server.count(text, model)


def _card(entry: Mapping[str, Any], props: Mapping[str, Any]) -> ModelCard:
    meta = entry.get("meta") or {}
    context = entry.get("max_model_len") or (props.get("default_generation_settings") or {}).get(
        "n_ctx"
    )
    return ModelCard(
        name=str(entry["id"]),
        size=int(meta.get("size") or 0),
        sees=(props.get("modalities") or {}).get("vision"),
        context_tokens=int(context or meta.get("n_ctx_train") or 0),
    )
