"""The wire that OpenAI-compatible servers share: `/chat/completions` as server-sent events.

Used by the `openai` and the `llamacpp` engine. Connections are not kept alive: llama.cpp's server
now and then drops a kept one without an answer (3 of 480 requests measured, 0 of 480 without).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import httpx

from aidoctor.adapters.failures import reported, translated
from aidoctor.adapters.gemma import THINK, ThoughtSplitter, continues, is_medgemma, tidy
from aidoctor.domain import Delta, Done, Message, Progress, ReplyEvent, Role
from aidoctor.errors import EngineError, ModelFailed, ModelProtocolError, StreamBroken

LONGEST_LINE = 4 << 20


class Completions:
    """A client of one server; `base_url` ends in `/v1`."""

    def __init__(self, base_url: str, *, key: str, connect: float, silence: float) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            timeout=httpx.Timeout(connect, read=silence),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        think: bool,
        options: dict[str, Any],
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Stream the answer; raises `EngineError`."""
        answer = _Answer()
        try:
            with translated():
                lines = self._stream(_body(messages, model, think) | options)
                async with aclosing(lines):
                    async for line in lines:
                        for event in answer.read(line):
                            yield event
        except EngineError:
            for event in answer.held():
                yield event
            raise
        for event in answer.held():
            yield event
        yield answer.end()

    async def _stream(self, body: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        request = self._http.stream("POST", "chat/completions", json=body)
        async with request as response:
            if response.status_code != 200:
                raise reported(
                    response.status_code, (await response.aread()).decode("utf-8", "replace")
                )
            async for line in _lines(response.aiter_bytes()):
                yield line

    async def get(self, path: str) -> Any:
        """The JSON at `path`, which may begin with `/` to leave `/v1`; raises `EngineError`."""
        with translated():
            return _json(await self._http.get(self._url(path)))

    async def count(self, text: str, model: str) -> int | None:
        """Tokens of `text` where the server has `/tokenize` (llama.cpp, vLLM), else None."""
        body = {"content": text, "prompt": text, "model": model, "add_special": False}
        with translated():
            response = await self._http.post(self._url("/tokenize"), json=body)
            if response.status_code in (400, 404, 405, 501):
                return None
            found = _json(response)
            return int(found["count"]) if "count" in found else len(found["tokens"])

    def _url(self, path: str) -> str | httpx.URL:
        if not path.startswith("/"):
            return path
        root = self._http.base_url.path.rstrip("/").removesuffix("/v1")
        return self._http.base_url.copy_with(path=root + path)


def _json(response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise reported(response.status_code, response.text)
    return response.json()


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Lines by line feed alone: the JSON in them may hold U+2028 and its like unescaped."""
    held = b""
    async for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        if len(held) > LONGEST_LINE:
            raise ModelProtocolError("a line without end")
        for line in whole:
            yield line
    yield held


def _body(messages: Sequence[Message], model: str, think: bool) -> dict[str, Any]:
    turns = tidy(messages)
    goes_on = continues(turns)
    think = think and not goes_on
    wire = [{"role": turn.role.value, "content": _content(turn)} for turn in turns]
    if think and is_medgemma(model) and turns and turns[0].role is Role.SYSTEM:
        wire[0]["content"] = THINK + turns[0].text
    body: dict[str, Any] = {
        "model": model,
        "messages": wire,
        "stream": True,
        "stream_options": {"include_usage": True},
        "chat_template_kwargs": {"enable_thinking": think},
    }
    if goes_on:
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body


def _content(turn: Message) -> str | list[dict[str, Any]]:
    if not turn.images:
        return turn.text
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(image)}} for image in turn.images
    ]
    return [*parts, {"type": "text", "text": turn.text}]


def _data_url(image: bytes) -> str:
    kind = "jpeg" if image.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{b64encode(image).decode()}"


class _Answer:
    """What the stream has said so far."""

    def __init__(self) -> None:
        self._split = ThoughtSplitter()
        self._reason = ""
        self._usage: Mapping[str, Any] = {}

    def read(self, line: bytes) -> Iterator[ReplyEvent]:
        """The events of one line."""
        field, _, value = line.strip().partition(b":")
        value = value.strip()
        if field not in (b"data", b"error") or value == b"[DONE]":
            return
        part = json.loads(value)
        if field == b"error" or part.get("error"):
            raise _complaint(part.get("error") or part)
        self._usage = part.get("usage") or self._usage
        if progress := part.get("prompt_progress"):
            yield Progress("reading", int(progress["processed"]), int(progress["total"]))
        for choice in part.get("choices") or ():
            yield from self._choice(choice)

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[ReplyEvent]:
        delta = choice.get("delta") or {}
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            yield Delta(_text(thought), "thought")
        yield from self._split.feed(_text(delta.get("content") or ""))
        self._reason = choice.get("finish_reason") or self._reason

    def held(self) -> Iterator[Delta]:
        """What was held back as the possible beginning of a mark."""
        yield from self._split.finish()

    def end(self) -> Done:
        """The end mark; raises `StreamBroken` where there was none."""
        if not self._reason:
            raise StreamBroken
        if self._reason in ("error", "abort"):
            raise ModelFailed
        return Done(
            "length" if self._reason == "length" else "stop",
            prompt_tokens=int(self._usage.get("prompt_tokens") or 0),
            answer_tokens=int(self._usage.get("completion_tokens") or 0),
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ModelProtocolError("text of another type")
    return value


def _complaint(error: object) -> EngineError:
    """A server's error in the stream: an object with a code and a message, or only words."""
    if isinstance(error, Mapping):
        code, words = error.get("code"), f"{error.get('type', '')} {error.get('message', '')}"
        return reported(code if isinstance(code, int) else 0, words)
    return reported(0, str(error))
