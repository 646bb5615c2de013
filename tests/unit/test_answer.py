"""An answer can be read from any position, by any number of readers, and always ends."""

import asyncio

import pytest

from aidoctor.answer import Answer, End, Piece, Reset, Stage, replay
from aidoctor.domain import Delta, Progress, TurnStatus

COMPLETE = End(TurnStatus.COMPLETE)


def answer(text: str = "", thought: str = "") -> Answer:
    return Answer("turn", "conversation", text, thought)


async def read(live: Answer, text: int = 0, thought: int = 0) -> list[object]:
    return [event async for event in live.follow(text, thought)]


def words(events: list[object], kind: str = "text") -> str:
    return "".join(e.text for e in events if isinstance(e, Piece) and e.kind == kind)


async def write_slowly(live: Answer, text: str, pause: float) -> None:
    for letter in text:
        live.write(Delta(letter))
        await asyncio.sleep(pause)
    live.finish(COMPLETE)


async def test_every_reader_gets_the_whole_answer_and_its_end():
    """Three readers that join at different moments read the same text and one end."""
    live = answer()
    writing = asyncio.create_task(write_slowly(live, "fluids and rest", 0.003))
    readers = []
    for _ in range(3):
        readers.append(asyncio.create_task(read(live)))
        await asyncio.sleep(0.012)
    await writing
    for events in await asyncio.gather(*readers):
        assert words(events) == "fluids and rest"
        assert events[-1] == COMPLETE
        assert events.count(COMPLETE) == 1


@pytest.mark.parametrize("position", range(12))
async def test_a_reader_resumes_at_the_next_piece(position: int):
    """Whatever a reader has, it gets exactly the rest, whether live or from the store."""
    text, thought = "Rest 🛌 well.", "hmm 🤔"
    live = answer(text, thought)
    live.finish(COMPLETE)
    had = min(position, len(thought))
    for events in (
        await read(live, position, had),
        [e async for e in replay(text, thought, COMPLETE, text_from=position, thought_from=had)],
    ):
        assert words(events) == text[position:]
        assert words(events, "thought") == thought[had:]
        assert events[-1] == COMPLETE


async def test_numbers_of_pieces_are_the_positions_to_resume_from():
    """Each piece says how many code points the reader has after it."""
    live = answer()
    live.write(Delta("think", "thought"))
    live.write(Delta("🩺ab"))
    live.finish(COMPLETE)
    assert await read(live) == [Piece(5, "think", "thought"), Piece(3, "🩺ab"), COMPLETE]


async def test_a_reader_ahead_of_what_was_kept_starts_again():
    """After a crash the store may hold less than the page has: the page is told to forget it."""
    live = answer("kept")
    live.finish(COMPLETE)
    expected = [Reset(), Piece(4, "kept"), COMPLETE]
    assert await read(live, 9) == expected
    assert [e async for e in replay("kept", "", COMPLETE, text_from=9)] == expected


async def test_waiting_is_explained_until_the_first_word():
    """Progress reaches readers, and none is told once there is text."""
    live = answer()
    reading = asyncio.create_task(read(live))
    live.write(Progress("loading"))
    await asyncio.sleep(0.01)
    live.write(Progress("reading", 40, 100))
    await asyncio.sleep(0.01)
    live.write(Delta("Hello"))
    live.write(Progress("reading", 100, 100))
    live.finish(COMPLETE)
    events = await reading
    stages = [e.progress for e in events if isinstance(e, Stage)]
    assert stages == [Progress("loading"), Progress("reading", 40, 100)]
    assert isinstance(events[-2], Piece)


async def test_fast_tokens_travel_together():
    """At 1,000 tokens a second a reader gets far fewer pieces than tokens, and loses none."""
    live = answer()
    reading = asyncio.create_task(read(live))
    await write_slowly(live, "x" * 300, 0.001)
    events = await reading
    assert len(words(events)) == 300
    assert len(events) < 100


async def test_a_slow_token_is_not_held_back():
    """A token that comes alone reaches the reader at once."""
    live = answer()
    events = live.follow()
    live.write(Delta("a"))
    await anext(events)
    await asyncio.sleep(0.03)
    following = asyncio.create_task(anext(events))
    await asyncio.sleep(0.02)
    live.write(Delta("b"))
    assert await asyncio.wait_for(following, 0.005) == Piece(2, "b")
