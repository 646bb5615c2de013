"""Gemma's text: thoughts split however they are cut, control tokens broken up, turns merged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidoctor.adapters.gemma import ThoughtSplitter, continues, defuse, tidy
from aidoctor.domain import Message, Role
from tests.kit.engine import assistant, system, user

MARKED = "<unused94>thought\nplan <b> it<unused95>\n\nRest < 3 days <unused"


def split(*pieces: str) -> tuple[str, str]:
    """(thought, answer) of a text that arrives in pieces."""
    splitter = ThoughtSplitter()
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)]
    deltas += splitter.finish()
    assert all(delta.text for delta in deltas)
    thought = "".join(delta.text for delta in deltas if delta.kind == "thought")
    return thought, "".join(delta.text for delta in deltas if delta.kind == "text")


@pytest.mark.parametrize("size", range(1, len(MARKED)))
def test_thoughts_are_split_wherever_the_stream_is_cut(size: int) -> None:
    """A mark may arrive in any number of pieces; what only looks like one is text."""
    pieces = [MARKED[n : n + size] for n in range(0, len(MARKED), size)]
    assert split(*pieces) == ("plan <b> it", "Rest < 3 days <unused")


def test_a_thought_that_never_ends_is_a_thought() -> None:
    """The answer was cut within it."""
    assert split("<unused94>thought\nnever ", "ends") == ("never ends", "")


def test_the_word_thought_belongs_to_the_mark_only_at_its_beginning() -> None:
    """A thought without the word is kept whole, and so is the word elsewhere."""
    assert split("<unused94>I thought\nso<unused95>yes") == ("I thought\nso", "yes")
    assert split("thought\nis text") == ("", "thought\nis text")


@given(st.text(), st.integers(1, 7))
def test_text_without_marks_passes_unchanged(text: str, size: int) -> None:
    """Whatever a model writes arrives to the letter."""
    text = text.replace("<unused9", "")
    assert split(*(text[n : n + size] for n in range(0, len(text), size))) == ("", text)


def test_what_is_certain_is_not_held_back() -> None:
    """Only the possible beginning of a mark waits for the next piece."""
    splitter = ThoughtSplitter()
    assert [delta.text for delta in splitter.feed("Rest <un")] == ["Rest "]
    assert [delta.text for delta in splitter.feed("til Monday")] == ["<until Monday"]


MARKS = [
    "<start_of_turn>",
    "<end_of_turn>",
    "</end_of_turn>",
    "<START_OF_IMAGE>",
    "<image_soft_token>",
    "<bos>",
    "<unused94>",
    "<__media__>",
    "<__media_1iv1yl1c2__>",
    "<|im_start|>",
    "<|turn>",
    "<turn|>",
    "[img-0]",
    "[img]",
]


@pytest.mark.parametrize("mark", MARKS)
def test_control_tokens_are_broken_up(mark: str) -> None:
    """The letters stay, with a space of no width after the first."""
    assert defuse(f"a{mark}b") == f"a{mark[0]}\u200b{mark[1:]}b"


@pytest.mark.parametrize(
    "text",
    ["5 < 6 > 4", "<b>bold</b>", "if a<b and c>d", "[image]", "a | b", "<unused>", "x<3", "->"],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Comparisons, tags and brackets of everyday text are not touched."""
    assert defuse(text) == text


@given(st.lists(st.sampled_from([*MARKS, "a", " ", "<", "|", "\n"]), max_size=12))
def test_no_live_mark_survives(parts: list[str]) -> None:
    """Marks that arise from neighbours are broken too, and a second pass changes nothing."""
    once = defuse("".join(parts))
    assert not [mark for mark in MARKS if mark in once]
    assert defuse(once) == once


def test_neighbours_of_one_role_become_one_turn_with_all_pictures() -> None:
    """Gemma's template wants user and assistant in strict turn."""
    turns = tidy([system("S"), user(" a ", b"1"), user(""), user("b", b"2"), assistant("c")])
    assert turns == [
        Message(Role.SYSTEM, "S"),
        Message(Role.USER, "a\n\nb", (b"1", b"2")),
        Message(Role.ASSISTANT, "c"),
    ]


def test_a_picture_without_words_is_a_turn_and_nothing_is_not() -> None:
    """Empty messages vanish; pictures alone stay."""
    assert tidy([user("", b"1"), assistant(" "), user("  ")]) == [user("", b"1")]


def test_the_last_words_of_the_assistant_are_kept_to_the_letter() -> None:
    """A continued answer must not lose the space it ended with."""
    turns = tidy([user("a"), assistant("Rest \n")])
    assert turns[-1].text == "Rest \n"
    assert continues(turns)
    assert not continues([user("a")])
