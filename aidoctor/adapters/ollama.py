"""Ollama, through its own client.

The client as it comes follows proxies and redirects, opens a picture given as text as a file of
that name, ends a cut stream without a word and leaks httpx's exceptions; each is met below.
(ollama-python 0.6.3; measured against a server that does all of it.)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from typing import Any, cast

import httpx
import ollama

from aidoctor import modelfile
from aidoctor.adapters.address import is_loopback, with_scheme
from aidoctor.adapters.failures import reported, translated
from aidoctor.adapters.gemma import ThoughtSplitter, continues, is_medgemma, tidy
from aidoctor.adapters.ollama_server import (
    Entry,
    Facts,
    OllamaServer,
    full,
    made_from,
    refuse_cloud,
    warnings,
)
from aidoctor.adapters.patience import patiently
from aidoctor.domain import (
    Delta,
    Done,
    EngineHealth,
    Message,
    ModelCard,
    Progress,
    PullProgress,
    ReplyEvent,
)
from aidoctor.errors import EngineError, ModelFailed, ModelMissing, PullFailed, StreamBroken
from aidoctor.settings import Settings

OWN = "aidoctor:latest"
"""What `ollama create aidoctor -f Modelfile` makes."""


class OllamaEngine:
    """The person's Ollama server."""

    name = "ollama"
    picture_tokens = 768  # what its truncation counts, though Gemma's is 256

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._address = with_scheme(settings.ollama_host)
        self._client = ollama.AsyncClient(
            host=self._address,
            timeout=httpx.Timeout(
                settings.connect_timeout,
                read=settings.first_token_timeout + settings.token_timeout,
            ),
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
            auth=_without_key,
        )
        self._server = OllamaServer.at(settings)
        self._options = {
            "num_ctx": settings.context_tokens or modelfile.num_ctx(),
            "num_predict": settings.answer_tokens,
            "temperature": settings.temperature,
        }
        self._ready: dict[str, str] = {}
        self._facts: dict[str, Facts] = {}
        self._made: set[str] = set()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.close()  # type: ignore[no-untyped-call]
        await self._server.http.aclose()

    async def reply(
        self, messages: Sequence[Message], *, model: str, think: bool = False
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Stream the answer; see the port."""
        refuse_cloud(model)
        try:
            ask = partial(self._reply, tidy(messages), model, think)
            async with aclosing(patiently(ask)) as events:
                async for event in events:
                    yield event
        except EngineError:
            self._ready.clear()
            raise

    async def _reply(
        self, turns: list[Message], model: str, think: bool
    ) -> AsyncGenerator[ReplyEvent, None]:
        if not await self._server.loaded(full(model)):
            yield Progress("loading")
            await self._load(model)
        yield Progress("reading")
        split, done = ThoughtSplitter(), None
        try:
            async with aclosing(self._parts(turns, model, think)) as parts:
                async for part in parts:
                    if part.message.thinking:
                        yield Delta(part.message.thinking, "thought")
                    for delta in split.feed(part.message.content or ""):
                        yield delta
                    done = part if part.done else done
        except EngineError:
            for delta in split.finish():
                yield delta
            raise
        for delta in split.finish():
            yield delta
        yield _end(done)

    async def _parts(
        self, turns: list[Message], model: str, think: bool
    ) -> AsyncGenerator[ollama.ChatResponse, None]:
        facts = await self._known(model)
        with _translated():
            stream = await self._client.chat(
                model,
                [_wire(turn) for turn in turns],
                stream=True,
                think=(think and not continues(turns))
                if "thinking" in facts.capabilities
                else None,
                options=self._options,
                keep_alive=_duration(self._settings.keep_alive),
            )
            # Without this the server writes on when the reader has left.
            async with aclosing(cast("AsyncGenerator[ollama.ChatResponse, None]", stream)) as parts:
                async for part in parts:
                    yield part

    async def _load(self, model: str) -> None:
        """Bring the model into memory: that is what a chat without messages means to Ollama."""
        with _translated():
            await self._client.chat(
                model, [], options=self._options, keep_alive=_duration(self._settings.keep_alive)
            )

    async def health(self) -> EngineHealth:
        """Ask for its version and models; models of the cloud are left out."""
        version = await self._server.version()
        entries = [entry for entry in await self._server.entries() if not _in_cloud(entry)]
        names = {entry.name for entry in entries}
        # A base is the same to a person as the model that we made on it.
        shown = [entry for entry in entries if self._name(entry.name, names) == entry.name]
        facts = await self._server.all_facts(shown)
        return EngineHealth(
            self.name,
            self._address,
            is_loopback(self._address),
            version=version,
            models=tuple(
                self._card(entry, known)
                for entry, known in zip(shown, facts, strict=True)
                if not known.capabilities or "completion" in known.capabilities
            ),
            warnings=await warnings(version, self._address),
        )

    def _card(self, entry: Entry, facts: Facts) -> ModelCard:
        context = self._options["num_ctx"]
        return ModelCard(
            entry.name,
            entry.size,
            entry.quantisation,
            sees=facts.sees,
            context_tokens=int(min(context, facts.context_tokens or context)),
        )

    async def ready(self, model: str) -> str:
        """The name to ask for `model`: ours on a MedGemma, made if only its base is there."""
        if model not in self._ready:
            refuse_cloud(model)
            await self._server.version()
            self._ready[model] = await self._found(model)
        return self._ready[model]

    async def _found(self, model: str) -> str:
        entries = {entry.name: entry for entry in await self._server.entries()}
        name = self._name(model, set(entries))
        if name not in entries and full(model) not in entries:
            raise ModelMissing(what=f"Ollama does not have the model {model} yet.")
        if name not in entries or await self._stale(model, entries[name], set(entries)):
            await self._make(model)
            entries = {entry.name: entry for entry in await self._server.entries()}
        if name not in entries:
            raise ModelMissing(what=f"Ollama did not make the model {name}.")
        self._facts[name] = await self._server.facts(entries[name])
        refuse_cloud(name, remote=_in_cloud(entries[name]) or self._facts[name].remote)
        return name

    def _name(self, model: str, names: set[str]) -> str:
        """Under which name `model` is, or would be, asked."""
        if not is_medgemma(model) or full(model).startswith("aidoctor"):
            return full(model)
        if made_from(model) not in names and OWN in names and _is_base(model):
            return OWN
        return made_from(model)

    async def _stale(self, model: str, entry: Entry, names: set[str]) -> bool:
        """Whether our model was made from an older Modelfile and can be made again."""
        if entry.name != made_from(model) or entry.name in self._made or full(model) not in names:
            return False
        facts, recipe = await self._server.facts(entry), modelfile.ours()
        return (facts.system.strip(), facts.template) != (recipe.system, recipe.template)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Download `model` through Ollama and, for a MedGemma, make ours on it."""
        refuse_cloud(model)
        await self._server.version()
        if full(model) not in [entry.name for entry in await self._server.entries()]:
            async with aclosing(self._downloaded(full(model))) as steps:
                async for step in steps:
                    yield step
        if is_medgemma(model) and not model.startswith("aidoctor"):
            yield PullProgress("making")
            await self._make(model)
        self._ready.clear()

    async def _downloaded(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Bytes of all layers together; the sum of the totals grows as layers are announced."""
        layers: dict[str, tuple[int, int]] = {}
        status = ""
        with _translated(PullFailed):
            stream = await self._client.pull(model, stream=True)
            async with aclosing(
                cast("AsyncGenerator[ollama.ProgressResponse, None]", stream)
            ) as steps:
                async for part in steps:
                    status = part.status or ""
                    if part.digest and part.total:
                        layers[part.digest] = (part.completed or 0, part.total)
                    done = sum(arrived for arrived, _ in layers.values())
                    total = sum(size for _, size in layers.values())
                    yield PullProgress("downloading" if part.digest else "checking", done, total)
        if status != "success":
            raise PullFailed

    async def _make(self, model: str) -> None:
        recipe, name = modelfile.ours(), made_from(model)
        with _translated(PullFailed):
            await self._client.create(
                name,
                from_=full(model),
                template=recipe.template,
                system=recipe.system,
                parameters=recipe.parameters,
                license=recipe.license,
            )
        self._made.add(name)

    async def count_tokens(self, text: str, *, model: str) -> int | None:
        """None: Ollama has no way to count."""
        return None

    async def _known(self, model: str) -> Facts:
        if full(model) not in self._facts:
            self._facts[full(model)] = await self._server.facts(Entry(full(model)))
        facts = self._facts[full(model)]
        refuse_cloud(model, remote=facts.remote)
        return facts


def _without_key(request: httpx.Request) -> httpx.Request:
    """The client sends OLLAMA_API_KEY, meant for ollama.com, to whatever server it talks to."""
    request.headers.pop("authorization", None)
    return request


@contextmanager
def _translated(otherwise: type[EngineError] | None = None) -> Iterator[None]:
    """As `translated`, for the client's own exception too; `otherwise` replaces the vaguest."""
    with translated():
        try:
            yield
        except ollama.ResponseError as error:
            known = reported(error.status_code, error.error)
            vague = otherwise is not None and type(known) is ModelFailed
            raise (otherwise(known.detail) if otherwise and vague else known) from None


def _wire(turn: Message) -> Mapping[str, Any]:
    images = {"images": [bytes(image) for image in turn.images]} if turn.images else {}
    return {"role": turn.role.value, "content": turn.text} | images


def _end(part: ollama.ChatResponse | None) -> Done:
    """Ollama ends without a last line when one token repeats thirty times."""
    if part is None:
        raise StreamBroken
    return Done(
        "length" if part.done_reason == "length" else "stop",
        prompt_tokens=part.prompt_eval_count or 0,
        answer_tokens=part.eval_count or 0,
    )


def _duration(text: str) -> str | float:
    """Ollama takes `30m` as text and seconds as a number."""
    try:
        return float(text)
    except ValueError:
        return text


def _in_cloud(entry: Entry) -> bool:
    return entry.remote or entry.name.lower().endswith((":cloud", "-cloud"))


def _is_base(model: str) -> bool:
    return full(model) == full(modelfile.ours().base)
