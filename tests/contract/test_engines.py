"""What every engine promises, asked of all three over their real wires with a real model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from aidoctor import modelfile
from aidoctor.domain import Delta, Progress
from aidoctor.engines import make
from aidoctor.errors import ModelMissing, PictureRefused, PromptTooLong
from aidoctor.ports import LanguageModel, ModelShelf
from aidoctor.settings import Settings
from tests.kit import tiny_gguf
from tests.kit.engine import Answer, TinyModel, ask, assistant, picture, system, user
from tests.kit.ollama_server import Brain, Model, OllamaServer

BASE = "medgemma1.5:4b-it-q4_K_M"


@dataclass
class Subject:
    """An engine, the name of its model, and the settings it was made from."""

    engine: LanguageModel
    model: str
    settings: Settings

    async def ask(self, *messages: object, think: bool = False) -> Answer:
        return await ask(self.engine, self.model, *messages, think=think)  # type: ignore[arg-type]


@pytest.fixture(params=["llamacpp", "openai", "ollama"])
async def subject(
    request: pytest.FixtureRequest,
    tiny_model: TinyModel,
    brain: Brain,
    ollama_server: OllamaServer,
    tmp_path: Path,
) -> AsyncIterator[Subject]:
    ollama_server.models[BASE] = Model()
    settings = Settings(
        engine=request.param,
        model=BASE,
        ollama_host=ollama_server.url,
        openai_base_url=f"{brain.url}/v1",
        openai_api_key=brain.key,
        gguf=tiny_model.gguf,
        mmproj=tiny_model.mmproj,
        threads=1,
        data_dir=tmp_path,
    )
    engine = make(request.param, settings)
    assert isinstance(engine, ModelShelf)
    yield Subject(engine, await engine.ready(BASE), settings)
    await engine.aclose()


async def test_a_reply_is_deltas_and_one_end(subject: Subject) -> None:
    """The text comes in order and ends with exactly one Done that counts the tokens."""
    answer = await subject.ask(system(), "hello")
    assert answer.error is None
    assert answer.text == tiny_gguf.PLAIN.text
    assert answer.thought == ""
    assert answer.end.reason == "stop"
    assert answer.end.prompt_tokens > 100
    assert answer.end.answer_tokens >= 6


async def test_loading_is_told_before_the_first_word_and_only_once(subject: Subject) -> None:
    """An engine that has to load the model says so; the next reply does not load again."""
    first, second = await subject.ask("hello"), await subject.ask("hello")
    if subject.settings.engine != "openai":
        assert first.progress[0] == Progress("loading")
    assert Progress("loading") not in second.progress


async def test_the_system_text_reaches_the_model_once(subject: Subject) -> None:
    """The same text costs its tokens one time, whether the model has it or the message."""
    with_system = await subject.ask(system("Be kind fever"), "hello")
    without = await subject.ask(system("Be kind"), "hello")
    assert with_system.text == tiny_gguf.FEVER.text
    assert without.text == tiny_gguf.PLAIN.text
    assert 1 <= with_system.end.prompt_tokens - without.end.prompt_tokens <= 2


async def test_earlier_turns_are_remembered(subject: Subject) -> None:
    """What was said two turns ago still counts."""
    turns = [system(), "I like pepper", assistant("Noted."), "and tea", assistant("Nice."), "so?"]
    assert (await subject.ask(*turns)).text == tiny_gguf.PEPPER.text


async def test_turns_of_one_role_are_merged(subject: Subject) -> None:
    """Two user turns in a row are one to the model, which wants strict alternation."""
    answer = await subject.ask("I have fever", "and I am tired", "what now?")
    assert answer.error is None
    assert answer.text == tiny_gguf.FEVER.text


@pytest.mark.parametrize("think", [False, True])
async def test_thoughts_are_split_from_the_answer(subject: Subject, think: bool) -> None:
    """Thinking arrives as thought, never as text, and without its marks."""
    answer = await subject.ask(system(), "please ponder it", think=think)
    assert answer.error is None
    assert answer.thought.strip() == "Checking symptoms first"
    assert answer.text == "Likely flu"


@pytest.mark.parametrize("reply", tiny_gguf.COLOURS, ids=lambda reply: reply.trigger)
async def test_pictures_are_seen(subject: Subject, reply: tiny_gguf.Reply) -> None:
    """A picture reaches the model as it is."""
    colour = {"green": "lime"}.get(reply.trigger, reply.trigger)
    answer = await subject.ask(system(), user("what is this?", picture(colour)))
    assert answer.text == reply.text


async def test_several_pictures_are_all_seen(subject: Subject) -> None:
    """Each of three pictures is part of the prompt."""
    one = await subject.ask(user("look", picture("red")))
    three = await subject.ask(user("look", picture("red"), picture("red"), picture("red")))
    assert three.text == tiny_gguf.RED.text
    more = three.end.prompt_tokens - one.end.prompt_tokens
    assert more >= 2 * tiny_gguf.PICTURE_TOKENS


@pytest.mark.parametrize("mark", ["<end_of_turn>", "<start_of_turn>", "<unused94>", "[img-0]"])
async def test_control_tokens_in_peoples_text_are_only_text(subject: Subject, mark: str) -> None:
    """A mark typed by a person costs at least as much as any other word of its length."""
    typed = await subject.ask(f"x{mark}y", assistant("z"), "hello")
    harmless = await subject.ask(f"x{'q' * len(mark)}y", assistant("z"), "hello")
    assert typed.error is None
    assert typed.text == tiny_gguf.PLAIN.text
    assert typed.end.prompt_tokens >= harmless.end.prompt_tokens


async def test_the_model_goes_on_with_its_own_last_words(subject: Subject) -> None:
    """An assistant's message at the end is continued, not answered."""
    answer = await subject.ask(system(), "I have fever", assistant("Rest, drink"))
    assert answer.text == " water and measure your temperature!"


async def test_markdown_arrives_letter_by_letter_the_same(subject: Subject) -> None:
    """Line breaks, marks and degrees are not touched."""
    assert (await subject.ask("markdown please")).text == tiny_gguf.MARKDOWN.text


async def test_an_answer_at_its_limit_says_so(subject: Subject) -> None:
    """Reaching the longest answer is an end, and named."""
    short = subject.settings.model_copy(update={"answer_tokens": 16})
    engine = make(short.engine, short)
    answer = await ask(engine, subject.model, "forever")
    await engine.aclose()
    assert answer.end.reason == "length"
    assert answer.end.answer_tokens == 16


async def test_closing_the_reply_stops_the_engine(subject: Subject) -> None:
    """After aclose the engine is free: the next answer comes at once."""
    async with aclosing(subject.engine.reply([user("forever")], model=subject.model)) as reply:
        async for event in reply:
            if isinstance(event, Delta):
                break
    began = time.monotonic()
    answer = await subject.ask("I have fever")
    assert answer.text == tiny_gguf.FEVER.text
    assert time.monotonic() - began < 1


async def test_cancelling_the_reader_stops_the_engine(subject: Subject) -> None:
    """A cancelled task leaves the engine free as well."""
    task = asyncio.create_task(subject.ask("forever"))
    await asyncio.sleep(0.6)
    task.cancel()
    await asyncio.wait([task])
    began = time.monotonic()
    assert (await subject.ask("I have fever")).text == tiny_gguf.FEVER.text
    assert time.monotonic() - began < 1


async def test_several_replies_at_once_do_not_mix(subject: Subject) -> None:
    """Eight questions get their own answers."""
    asked = [("fever", tiny_gguf.FEVER), ("pepper", tiny_gguf.PEPPER)] * 4
    answers = await asyncio.gather(*(subject.ask(word) for word, _ in asked))
    assert [answer.text for answer in answers] == [reply.text for _, reply in asked]


async def test_a_message_beyond_the_context_is_refused_and_the_next_works(
    subject: Subject,
) -> None:
    """Too long a message is PromptTooLong, nothing worse."""
    answer = await subject.ask("qz " * 9000)
    assert isinstance(answer.error, PromptTooLong)
    assert (await subject.ask("hello")).text == tiny_gguf.PLAIN.text


async def test_a_picture_that_is_none_is_refused_and_the_next_works(subject: Subject) -> None:
    """Bytes that are no picture are PictureRefused."""
    answer = await subject.ask(user("look", b"no picture at all"))
    assert isinstance(answer.error, PictureRefused)
    assert (await subject.ask("hello")).text == tiny_gguf.PLAIN.text


async def test_health_names_the_models_and_the_place(subject: Subject) -> None:
    """The page can say who answers, where, which models there are and what they can."""
    assert isinstance(subject.engine, ModelShelf)
    health = await subject.engine.health()
    assert health.name == subject.engine.name == subject.settings.engine
    assert health.local
    (card,) = health.models
    assert card.name == subject.model
    assert card.sees is True
    assert card.context_tokens == modelfile.num_ctx()


async def test_tokens_are_counted_where_the_engine_can(subject: Subject) -> None:
    """A count is the model's own, or honestly None."""
    assert isinstance(subject.engine, ModelShelf)
    await subject.ask("hello")
    counted = await subject.engine.count_tokens("fever fever", model=subject.model)
    assert counted == (None if subject.settings.engine == "ollama" else 2)


async def test_what_an_engine_cannot_fetch_it_says(subject: Subject) -> None:
    """Pulling what cannot be had is ModelMissing."""
    assert isinstance(subject.engine, ModelShelf)
    with pytest.raises(ModelMissing):
        async for _ in subject.engine.pull("nobody/knows-this:1b"):
            pass
