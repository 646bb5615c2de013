"""The vision self-test: what a model says about a plain picture, and what that means."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from aidoctor.domain import Delta, Done, Progress, PullProgress
from aidoctor.errors import EngineDown, PictureRefused
from aidoctor.settings import Settings
from aidoctor.setup import selftest
from aidoctor.setup.selftest import Sight, look, verdict
from tests.kit.scripted import ScriptedEngine, Step


@pytest.mark.parametrize("colour", list(selftest.COLOURS))
def test_the_picture_is_a_valid_png_of_one_colour(colour: str):
    """An independent reader sees exactly the colour that is asked about."""
    image = Image.open(io.BytesIO(selftest.picture(colour)))
    image.load()
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (256, 256))
    assert image.getcolors() == [(256 * 256, selftest.COLOURS[colour])]


@pytest.mark.parametrize(
    ("answer", "sight"),
    [
        ("Red", Sight.SEES),
        ("**Red.**", Sight.SEES),
        ("The picture is red, plainly red.", Sight.SEES),
        ("Blue", Sight.BLIND),
        ("White", Sight.BLIND),
        ("It is either red or blue.", Sight.UNSURE),
        ("I cannot see pictures.", Sight.UNSURE),
        ("I was referred to you", Sight.UNSURE),
        ("", Sight.UNSURE),
    ],
)
def test_the_verdict_follows_the_colours_that_were_named(answer: str, sight: Sight):
    """The one right colour sees, only wrong ones do not, everything else is left open."""
    assert verdict(answer, "red") is sight


async def ask(*script: Step, colour: str = "") -> tuple[Sight, ScriptedEngine, list[PullProgress]]:
    engine, told = ScriptedEngine([script]), []
    return await look(engine, "m", Settings(), told.append, colour=colour), engine, told


async def test_the_model_is_shown_the_picture_and_the_question_alone():
    """Nothing of a conversation and no colour name is in what it reads."""
    sight, engine, _ = await ask(Delta("Green"), Done("stop"), colour="green")
    ((message,),) = engine.heard
    assert sight is Sight.SEES
    assert message.images == (selftest.picture("green"),)
    assert not set(selftest.COLOURS) & set(message.text.lower().split())


async def test_the_colour_is_drawn_anew():
    """A model that always answers red is found out sooner or later."""
    sights = {(await ask(Delta("red"), Done("stop")))[0] for _ in range(40)}
    assert sights == {Sight.SEES, Sight.BLIND}


async def test_thoughts_do_not_count():
    """Only what the model answers is judged."""
    thought = Delta("red or blue?", "thought")
    sight, _, _ = await ask(thought, Delta("blue"), Done("stop"), colour="blue")
    assert sight is Sight.SEES


async def test_a_model_that_talks_on_is_stopped():
    """Enough is enough; the engine is let go of."""
    sight, engine, _ = await ask(Delta("word " * 100), 60.0, colour="blue")
    assert sight is Sight.UNSURE
    assert engine.running == 0


async def test_an_engine_that_refuses_the_picture_is_blind():
    """Its error is the answer to the question."""
    assert (await ask(PictureRefused()))[0] is Sight.BLIND


async def test_other_errors_are_not_taken_for_blindness():
    """A server that is down says nothing about eyes."""
    with pytest.raises(EngineDown):
        await ask(EngineDown())


async def test_the_wait_is_explained():
    """Loading and reading are told as they come, with the share where it is known."""
    script = (Progress("loading"), Progress("reading", 64, 256), Delta("red"), Done("stop"))
    _, _, told = await ask(*script)
    assert [progress.step for progress in told] == [
        "The model is being loaded",
        "The model reads the picture (25 %)",
    ]
