"""The context is honest: whole exchanges, the system text always, and what was left out is said."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidoctor.domain import Attachment, Role, Turn, TurnStatus
from aidoctor.errors import PromptTooLong
from aidoctor.prompts import UNSEEN, Gauge, budget, fit, messages

SYSTEM = "You are a careful medical assistant."
PICTURE = Attachment("p1", "rash.jpg", 10, 10, 100)


def turn(role: Role, text: str, *pictures: Attachment) -> Turn:
    now = datetime.now(UTC)
    return Turn("t", "c", None, role, text, TurnStatus.COMPLETE, now, attachments=pictures)


def talk(*texts: str) -> list[Turn]:
    roles = (Role.USER, Role.ASSISTANT)
    return [turn(roles[i % 2], text) for i, text in enumerate(texts)]


def fitted(turns: list[Turn], limit: int, *, sees: bool = True):
    return fit(SYSTEM, turns, limit=limit, count=len, picture_tokens=256, sees=sees)


@given(
    st.lists(st.text("ab ", min_size=1, max_size=60), min_size=1, max_size=15), st.integers(60, 900)
)
def test_whole_exchanges_are_kept_from_the_end(texts: list[str], limit: int):
    """What fits is a run of whole exchanges that ends with the last turn, within the limit."""
    turns = talk(*texts)
    try:
        got = fitted(turns, limit)
    except PromptTooLong:
        return
    spoken = [t for t in turns if t.text.strip()]
    assert list(got.turns) == spoken[len(spoken) - len(got.turns) :]
    assert got.left_out == len(spoken) - len(got.turns)
    assert got.tokens <= limit
    if got.left_out and got.turns:
        assert got.turns[0].role is Role.USER


def test_the_last_message_and_the_system_text_are_never_cut():
    """A message that alone does not fit is an error, not a silent loss."""
    assert fitted(talk("old", "older", "now"), 80).turns[-1].text == "now"
    with pytest.raises(PromptTooLong):
        fitted(talk("x" * 500), 100)


def test_nothing_is_left_out_when_all_fits():
    """A short conversation goes to the model whole."""
    got = fitted(talk("a", "b", "c"), 500)
    assert (len(got.turns), got.left_out) == (3, 0)


def test_pictures_cost_what_the_engine_counts():
    """A picture takes its tokens from the budget where the model sees it."""
    turns = [turn(Role.USER, "look", PICTURE)]
    assert fitted(turns, 900).tokens - fitted(talk("look"), 900).tokens == 256


def test_a_model_that_cannot_see_is_told_so():
    """An unseen picture is counted, and named in the text instead of sent."""
    turns = [turn(Role.USER, "look", PICTURE)]
    got = fitted(turns, 900, sees=False)
    assert got.unseen == 1
    context = messages(SYSTEM, got.turns, {})
    assert UNSEEN in context[-1].text
    assert context[-1].images == ()


def test_pictures_go_with_the_turn_that_brought_them():
    """Bytes stand with their own message, after the system text."""
    turns = [turn(Role.USER, "look", PICTURE), *talk("", "Seen.")[1:], turn(Role.USER, "and now?")]
    context = messages(SYSTEM, turns, {"p1": b"png"})
    assert [m.role for m in context] == ["system", "user", "assistant", "user"]
    assert [m.images for m in context] == [(), (b"png",), (), ()]


def test_the_budget_leaves_room_for_the_answer_and_a_tenth():
    """Prompt, answer and a tenth of slack fit into the context."""
    assert budget(8192, 2048) + 2048 + 819 <= 8192
    assert budget(2048, 9999) > 900


@pytest.mark.parametrize(
    "text", ["I have had a headache since Monday.", "发烧三天了", "38.5 °C " * 50]
)
def test_the_gauge_learns_upwards_only(text: str):
    """An engine that reports more raises later estimates; less lowers nothing."""
    gauge = Gauge()
    before = gauge.count(text)
    gauge.learn(100, 50)
    assert gauge.count(text) == before
    gauge.learn(100, 150)
    assert gauge.count(text) >= before * 1.4
