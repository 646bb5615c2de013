"""OpenAI-compatible servers in trouble, and the details of what is sent to them."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from aidoctor.adapters import patience
from aidoctor.adapters.openai import OpenAIEngine
from aidoctor.domain import Done, Progress
from aidoctor.errors import (
    EngineDown,
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
from aidoctor.settings import Settings
from tests.kit.engine import ask, assistant, picture, system, user

URL = "http://127.0.0.1:8000/v1"


def made(tmp_path: Path, **more: Any) -> OpenAIEngine:
    return OpenAIEngine(Settings(openai_base_url=URL, data_dir=tmp_path, **more))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[OpenAIEngine]:
    one = made(tmp_path)
    yield one
    await one.aclose()


@pytest.fixture
def server() -> Any:
    with respx.mock(base_url=URL) as mock:
        yield mock


def data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def delta(**fields: object) -> bytes:
    return data({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


def last(reason: str = "stop") -> bytes:
    return data({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


USAGE = data({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})
OVER = b"data: [DONE]\n\n"


class Stream(httpx.AsyncByteStream):
    """A body in pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def says(server: Any, *pieces: bytes | Exception) -> Any:
    return server.post("/chat/completions").mock(
        return_value=httpx.Response(200, stream=Stream(*pieces))
    )


async def test_an_answer_in_any_pieces(server: Any, engine: OpenAIEngine) -> None:
    """Bytes may be cut anywhere, in the middle of a letter too; comments are skipped."""
    whole = b": ping\n\n" + delta(content="37,5 °C → ") + delta(content="ärztlich") + last()
    whole += USAGE + OVER
    says(server, *(whole[n : n + 1] for n in range(len(whole))))
    answer = await ask(engine, "m", "hello")
    assert answer.text == "37,5 °C → ärztlich"
    assert answer.end == Done("stop", prompt_tokens=11, answer_tokens=3)


async def test_line_separators_within_text_are_text(server: Any, engine: OpenAIEngine) -> None:
    """U+2028, U+0085 and their like stand unescaped in the JSON and do not end a line."""
    says(server, delta(content="a\u2028b\u0085c\u2029d"), last())
    assert (await ask(engine, "m", "hello")).text == "a\u2028b\u0085c\u2029d"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_is_thought(server: Any, engine: OpenAIEngine, name: str) -> None:
    """Both names that servers use for thinking."""
    says(server, delta(**{name: "hm"}), delta(content="yes", **{name: None}), last())
    answer = await ask(engine, "m", "hello")
    assert (answer.thought, answer.text) == ("hm", "yes")


async def test_progress_of_the_prompt_is_told(server: Any, engine: OpenAIEngine) -> None:
    """llama.cpp's prompt_progress becomes `reading` with its figures."""
    progress = {"choices": [], "prompt_progress": {"total": 90, "cache": 0, "processed": 30}}
    says(server, data(progress), delta(content="x"), last())
    assert (await ask(engine, "m", "hello")).progress == [Progress("reading", 30, 90)]


TABLE: dict[str, tuple[tuple[bytes | Exception, ...], type[Exception]]] = {
    "no end": ((delta(content="Re"),), StreamBroken),
    "end mark without reason": ((delta(content="Re"), OVER), StreamBroken),
    "cut": ((delta(content="Re"), httpx.RemoteProtocolError("x")), StreamBroken),
    "read error": ((delta(content="Re"), httpx.ReadError("x")), StreamBroken),
    "silence": ((delta(content="Re"), httpx.ReadTimeout("x")), ModelSlow),
    "error object": (
        (delta(content="Re"), data({"error": {"code": 500, "message": "canary"}})),
        ModelFailed,
    ),
    "error text": ((delta(content="Re"), data({"error": "CUDA out of memory"})), ModelOutOfMemory),
    "error field": ((delta(content="Re"), b'error: {"code":500,"message":"x"}\n\n'), ModelFailed),
    "aborted": ((delta(content="Re"), last("abort")), ModelFailed),
    "no JSON": ((delta(content="Re"), b"data: canary{\n\n"), ModelProtocolError),
    "bad UTF-8": ((delta(content="Re"), b'data: {"choices": "\xff"}\n\n'), ModelProtocolError),
    "a list": ((delta(content="Re"), data([1])), ModelProtocolError),
    "odd choices": ((delta(content="Re"), data({"choices": 7})), ModelProtocolError),
    "odd text": ((delta(content="Re"), delta(content={"canary": 1})), ModelProtocolError),
    "endless line": ((delta(content="Re"), b"data: " + b"x" * (5 << 20)), ModelProtocolError),
}


@pytest.mark.parametrize(("pieces", "kind"), TABLE.values(), ids=TABLE.keys())
async def test_every_broken_stream_is_one_of_ours_and_keeps_the_text(
    server: Any,
    engine: OpenAIEngine,
    pieces: tuple[bytes | Exception, ...],
    kind: type[Exception],
) -> None:
    """Whatever comes mid-stream: our error, the text so far, nothing of what people wrote."""
    says(server, *pieces)
    answer = await ask(engine, "m", "canary")
    assert type(answer.error) is kind
    assert answer.text == "Re"
    assert answer.ends == []
    assert "canary" not in repr(answer.error)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Unauthorized", EngineRefused),
        (403, "Forbidden", EngineRefused),
        (404, "The model `m` does not exist.", ModelMissing),
        (400, "This model's maximum context length is 8192 tokens.", PromptTooLong),
        (400, "request (9 tokens) exceeds the available context size", PromptTooLong),
        (400, "m is not a multimodal model", PictureRefused),
        (500, "image input is not supported - hint: you may need the mmproj", PictureRefused),
        (500, "CUDA out of memory", ModelOutOfMemory),
        (500, "canary", ModelFailed),
        (502, "<html>", ModelFailed),
        (307, "", ModelProtocolError),
    ],
)
async def test_every_refusal_is_one_of_ours(
    server: Any, engine: OpenAIEngine, status: int, message: str, kind: type[Exception]
) -> None:
    """A status before the first byte becomes the error that helps."""
    body = {"error": {"message": message, "type": "x", "code": status}}
    response = httpx.Response(status, json=body, headers={"location": "http://127.0.0.1:9/"})
    server.post("/chat/completions").mock(return_value=response)
    answer = await ask(engine, "m", "canary")
    assert type(answer.error) is kind
    assert "canary" not in repr(answer.error)


async def test_a_busy_server_is_asked_again(
    server: Any, engine: OpenAIEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 four times is ModelBusy; before that it is tried again."""
    monkeypatch.setattr(patience, "PAUSES", (0.0, 0.0, 0.0))
    route = server.post("/chat/completions").mock(return_value=httpx.Response(503))
    assert type((await ask(engine, "m", "hello")).error) is ModelBusy
    assert route.call_count == 4


async def test_a_server_that_is_not_there_is_down(tmp_path: Path) -> None:
    """Nobody listens: EngineDown, for every question."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    engine = OpenAIEngine(Settings(openai_base_url=url, data_dir=tmp_path))
    assert type((await ask(engine, "m", "hello")).error) is EngineDown
    for question in (engine.health(), engine.ready("m"), engine.count_tokens("x", model="m")):
        with pytest.raises(EngineDown):
            await question
    await engine.aclose()


async def test_what_is_sent(server: Any, tmp_path: Path) -> None:
    """Key, options, roles, pictures as data URLs, and the request for usage."""
    route = says(server, delta(content="x"), last())
    engine = made(tmp_path, openai_api_key="k", answer_tokens=77, temperature=0.5)
    photo = picture("red")
    await ask(engine, "m", system("S"), user("look", photo, b"\xff\xd8jpeg"))
    await engine.aclose()
    request = route.calls.last.request
    body = json.loads(request.content)
    assert request.headers["authorization"] == "Bearer k"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("m", 77, 0.5)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    first, second = body["messages"]
    assert first == {"role": "system", "content": "S"}
    one, two, text = second["content"]
    assert one["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(photo).decode()
    assert two["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert text == {"type": "text", "text": "look"}
    assert "continue_final_message" not in body


async def test_without_a_key_none_is_sent(
    server: Any, engine: OpenAIEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing from the environment either."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    route = says(server, last())
    await ask(engine, "m", "hello")
    assert "authorization" not in route.calls.last.request.headers


async def test_going_on_and_thinking_are_asked_in_the_servers_words(
    server: Any, engine: OpenAIEngine
) -> None:
    """Continue: the last message stays open. Think: MedGemma's own instruction and the switch."""
    route = says(server, last())
    await ask(engine, "medgemma", "hi", assistant("Rest "), think=True)
    body = json.loads(route.calls.last.request.content)
    assert body["messages"][-1] == {"role": "assistant", "content": "Rest "}
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    says(server, last())
    await ask(engine, "medgemma", system("S"), "hi", think=True)
    body = json.loads(route.calls.last.request.content)
    assert body["messages"][0]["content"].startswith("SYSTEM INSTRUCTION: think silently")
    assert body["chat_template_kwargs"] == {"enable_thinking": True}


def serves(server: Any, *models: dict[str, Any], props: httpx.Response | None = None) -> None:
    server.get("/models").mock(return_value=httpx.Response(200, json={"data": list(models)}))
    found = props or httpx.Response(404)
    respx.get("http://127.0.0.1:8000/props").mock(return_value=found)


async def test_the_only_model_is_taken(server: Any, engine: OpenAIEngine) -> None:
    """A server with one model needs no setting; with several the name must be right."""
    serves(server, {"id": "google/medgemma-4b", "max_model_len": 4096})
    with respx.mock:
        serves(server, {"id": "google/medgemma-4b", "max_model_len": 4096})
        assert await engine.ready("whatever") == "google/medgemma-4b"
        (card,) = (await engine.health()).models
        assert (card.context_tokens, card.sees) == (4096, None)
        serves(server, {"id": "a"}, {"id": "b"})
        assert await engine.ready("b") == "b"
        with pytest.raises(ModelMissing, match="other"):
            await engine.ready("other")
        serves(server)
        with pytest.raises(ModelMissing):
            await engine.ready("another")


@pytest.mark.parametrize(
    ("response", "count"),
    [
        (httpx.Response(200, json={"tokens": [1, 2, 3]}), 3),
        (httpx.Response(200, json={"count": 4, "tokens": [1, 2, 3, 4]}), 4),
        (httpx.Response(404), None),
        (httpx.Response(405), None),
    ],
)
async def test_tokens_are_counted_by_servers_that_can(
    engine: OpenAIEngine, response: httpx.Response, count: int | None
) -> None:
    """llama.cpp and vLLM answer in their own shapes; others cannot."""
    with respx.mock:
        respx.post("http://127.0.0.1:8000/tokenize").mock(return_value=response)
        assert await engine.count_tokens("x", model="m") == count
