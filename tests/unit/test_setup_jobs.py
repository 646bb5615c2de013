"""One step at a time, whose state anybody may read at any moment."""

from __future__ import annotations

import asyncio

import pytest

from aidoctor.domain import PullProgress
from aidoctor.errors import DownloadStalled, SetupBusy
from aidoctor.setup.figures import Pace, size, span
from aidoctor.setup.jobs import Jobs, Stage, Tell


async def test_a_running_step_shows_its_progress_and_then_its_end():
    """What was told last is what a page reads, until the sentence at the end."""
    jobs, go_on = Jobs(), asyncio.Event()

    async def work(tell: Tell) -> str:
        tell(PullProgress("Downloading", 30, 100))
        await go_on.wait()
        return "All is here."

    jobs.start("pull", work)
    await asyncio.sleep(0)
    seen = jobs.standing()
    assert (seen.stage, seen.action, seen.done, seen.total) == (Stage.RUNNING, "pull", 30, 100)
    go_on.set()
    end = await jobs.wait()
    assert (end.stage, end.sentence) == (Stage.DONE, "All is here.")
    jobs.dismiss()
    assert jobs.standing().stage is Stage.IDLE


async def test_only_one_step_runs_at_a_time():
    """A second start is refused while the first goes on, and allowed afterwards."""
    jobs = Jobs()

    async def work(tell: Tell) -> str:
        await asyncio.sleep(60)
        return ""

    jobs.start("pull", work)
    with pytest.raises(SetupBusy):
        jobs.start("download", work)
    await jobs.cancel()
    jobs.start("download", work)
    assert jobs.standing().action == "download"
    await jobs.cancel()


async def test_cancelling_lets_the_step_close_what_it_opened():
    """The step's own clean-up has run when cancel returns."""
    jobs, closed = Jobs(), []

    async def work(tell: Tell) -> str:
        try:
            await asyncio.sleep(60)
        finally:
            closed.append(True)
        return ""

    jobs.start("pull", work)
    await asyncio.sleep(0)
    await jobs.cancel()
    assert closed
    assert jobs.standing().stage is Stage.CANCELLED
    assert not jobs.running


async def test_a_step_cancelled_before_its_first_moment_is_cancelled_too():
    """Nothing of it runs, and the page does not read the end of an earlier one."""
    jobs = Jobs()

    async def work(tell: Tell) -> str:
        raise AssertionError("it must not run")

    jobs.start("pull", work)
    await jobs.cancel()
    assert jobs.standing().stage is Stage.CANCELLED


async def test_an_error_is_told_in_its_own_words():
    """What and fix reach the page."""
    jobs = Jobs()

    async def work(tell: Tell) -> str:
        raise DownloadStalled

    jobs.start("download", work)
    end = await jobs.wait()
    assert (end.stage, end.sentence, end.fix) == (
        Stage.FAILED,
        DownloadStalled.what,
        DownloadStalled.fix,
    )


async def test_a_foreign_error_is_told_in_plain_words_only():
    """The text of an unexpected exception reaches neither the page nor the log."""
    jobs = Jobs()

    async def work(tell: Tell) -> str:
        raise ValueError("private words")

    jobs.start("download", work)
    end = await jobs.wait()
    assert end.stage is Stage.FAILED
    assert "private" not in end.sentence + end.fix


def test_the_pace_is_that_of_the_last_moments():
    """A stall brings the speed down, a resume does not count what was there before."""
    now = [0.0]
    pace = Pace(window=8, clock=lambda: now[0])
    assert (pace.speed(), pace.left(100)) == (0, None)
    pace.mark(1_000_000)
    for second in range(1, 11):
        now[0] = float(second)
        pace.mark(1_000_000 + second * 1000)
    assert pace.speed() == pytest.approx(1000)
    assert pace.left(1_020_000) == pytest.approx(10)
    now[0] = 30.0
    assert pace.speed() < 500
    pace.mark(0)
    assert pace.speed() == 0


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (851_251_000, "851 MB"),
        (2_489_894_976, "2.5 GB"),
        (99_960_000_000, "100 GB"),
    ],
)
def test_sizes_read_as_people_say_them(count: int, words: str):
    """Powers of 1,000, no more digits than help."""
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h"), (7800, "2 h 10 min")],
)
def test_spans_read_as_people_say_them(seconds: float, words: str):
    """One unit, or two where hours are long."""
    assert span(seconds) == words
