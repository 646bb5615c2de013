"""What is said is kept before the model is asked, and every end of an answer is kept too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aidoctor.answer import End
from aidoctor.consultation import Consultation
from aidoctor.domain import Delta, Done, Progress, Role, TurnStatus
from aidoctor.errors import AnswerRunning, EngineDown, NotFound
from aidoctor.records import Records
from aidoctor.settings import Settings
from aidoctor.store import Store
from tests.kit.scripted import END, ScriptedEngine

FOREVER = [Delta("tick ")] + [0.01, Delta("tock ")] * 2000


@pytest.fixture
def records(tmp_path: Path):
    records = Records(Store.open(tmp_path), Store.in_memory())
    yield records
    records.close()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def consultation(records: Records, engine: ScriptedEngine) -> AsyncIterator[Consultation]:
    settings = Settings(first_token_timeout=1, token_timeout=1)
    consultation = Consultation(settings, records, engine)  # type: ignore[arg-type]
    yield consultation
    await consultation.aclose()


async def ended(consultation: Consultation, turn_id: str) -> None:
    answer = consultation.answer(turn_id)
    async with asyncio.timeout(5):
        assert answer is None or [event async for event in answer.follow()]


async def ask(consultation: Consultation, text: str = "I have a cough", turn: str = "turn-0001"):
    exchange = await consultation.ask("conversation", turn, text)
    await ended(consultation, exchange.answer.id)
    return exchange


async def test_an_answer_is_kept_whole(consultation, engine, records):
    """Text, thought and provenance of an answer are in the store when it ends."""
    engine.scripts = [
        [Progress("loading"), Delta("Hmm", "thought"), Delta("Rest "), Delta("well."), END]
    ]
    exchange = await ask(consultation)
    turn = records.kept.turn(exchange.answer.id)
    assert (turn.text, turn.thought, turn.status) == ("Rest well.", "Hmm", TurnStatus.COMPLETE)
    assert turn.provenance is not None
    assert (turn.provenance.model, turn.provenance.answer_tokens) == ("tiny", 3)


async def test_the_question_is_kept_before_the_engine_is_asked(consultation, engine, records):
    """When the engine hears a question, the question is already in the store."""
    seen = []
    reply = engine.reply

    def look(messages, **options):
        seen.append(records.kept.turn("turn-0001").text)
        return reply(messages, **options)

    engine.reply = look
    engine.scripts = [[END]]
    await ask(consultation)
    assert seen == ["I have a cough"]


async def test_the_model_remembers_the_conversation(consultation, engine):
    """The second question brings the first exchange along, after one system text."""
    engine.scripts = [[Delta("Since when?"), END], [Delta("I see."), END]]
    await ask(consultation)
    await ask(consultation, "Since Monday", "turn-0002")
    context = engine.heard[1]
    assert [m.role for m in context] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]
    assert [m.text for m in context[1:]] == ["I have a cough", "Since when?", "Since Monday"]


async def test_a_failing_engine_leaves_text_and_code(consultation, engine, records):
    """What came before the failure is kept, with the error that ended it."""
    engine.scripts = [[Delta("Half an "), EngineDown()]]
    exchange = await ask(consultation)
    turn = records.kept.turn(exchange.answer.id)
    assert (turn.text, turn.status, turn.error) == ("Half an ", TurnStatus.FAILED, "engine-down")


async def test_a_stream_without_its_end_is_not_taken_for_an_answer(consultation, engine, records):
    """A reply that just stops is a failed answer."""
    engine.scripts = [[Delta("Half")]]
    exchange = await ask(consultation)
    assert records.kept.turn(exchange.answer.id).error == "stream-broken"


async def test_a_broken_answer_goes_on_in_the_same_turn(consultation, engine, records):
    """Continue keeps what is there and adds the rest."""
    engine.scripts = [[Delta("Half an ")], [Delta("answer."), END]]
    exchange = await ask(consultation)
    turn = await consultation.go_on(exchange.answer.id)
    await ended(consultation, turn.id)
    kept = records.kept.turn(exchange.answer.id)
    assert (kept.text, kept.status, kept.error) == ("Half an answer.", TurnStatus.COMPLETE, "")
    assert (engine.heard[1][-1].role, engine.heard[1][-1].text) == (Role.ASSISTANT, "Half an ")


async def test_stop_stops_the_engine_and_keeps_the_text(consultation, engine, records):
    """After stop returns the engine is idle and the partial answer is stored as stopped."""
    engine.scripts = [FOREVER]
    exchange = await consultation.ask("conversation", "turn-0001", "hello")
    await asyncio.sleep(0.1)
    await consultation.stop(exchange.answer.id)
    assert engine.running == 0
    turn = records.kept.turn(exchange.answer.id)
    assert turn.status is TurnStatus.STOPPED
    assert turn.text.startswith("tick tock")


async def test_shutting_down_keeps_answers_as_interrupted(consultation, engine, records):
    """The end of the program is not the person's stop."""
    engine.scripts = [FOREVER]
    exchange = await consultation.ask("conversation", "turn-0001", "hello")
    await asyncio.sleep(0.05)
    await consultation.aclose()
    assert records.kept.turn(exchange.answer.id).status is TurnStatus.INTERRUPTED


async def test_a_growing_answer_is_saved_every_second(consultation, engine, records):
    """A crash loses at most a second of text."""
    engine.scripts = [FOREVER]
    exchange = await consultation.ask("conversation", "turn-0001", "hello")
    await asyncio.sleep(1.3)
    partial = records.kept.turn(exchange.answer.id)
    assert partial.status is TurnStatus.STREAMING
    assert len(partial.text) > 200


async def test_one_answer_at_a_time_in_a_conversation(consultation, engine):
    """A second question waits for the person, not in a hidden queue."""
    engine.scripts = [FOREVER]
    await consultation.ask("conversation", "turn-0001", "hello")
    with pytest.raises(AnswerRunning):
        await consultation.ask("conversation", "turn-0002", "hello?")


async def test_another_conversation_waits_visibly(consultation, engine):
    """With one desk, the second conversation says that it waits, then is answered."""
    engine.scripts = [[Delta("a"), 0.1, END], [Delta("b"), END]]
    first = await consultation.ask("conversation", "turn-0001", "hello")
    second = await consultation.ask("another-one", "turn-0002", "hello")
    await asyncio.sleep(0.03)
    waiting = consultation.answer(second.answer.id)
    assert waiting is not None
    assert waiting.progress == Progress("waiting")
    await ended(consultation, first.answer.id)
    await ended(consultation, second.answer.id)
    assert waiting.text == "b"


async def test_asking_again_keeps_the_earlier_answer(consultation, engine, records):
    """A second answer stands beside the first as a branch."""
    engine.scripts = [[Delta("One"), END], [Delta("Two"), END]]
    exchange = await ask(consultation)
    again = await consultation.regenerate(exchange.answer.id)
    assert records.kept.conversation("conversation").leaf_id == again.id
    await ended(consultation, again.id)
    assert records.kept.siblings([again.id])[again.id] == (exchange.answer.id, again.id)
    assert records.kept.turn(exchange.answer.id).text == "One"
    assert [t.text for t in records.kept.branch(again.id)] == ["I have a cough", "Two"]


async def test_editing_makes_a_branch(consultation, engine, records):
    """The edited question stands beside the first; both branches are kept."""
    engine.scripts = [[Delta("One"), END], [Delta("Two"), END]]
    exchange = await ask(consultation)
    edited = await consultation.edit(exchange.user.id, "turn-0002", "I have a dry cough")
    await ended(consultation, edited.answer.id)
    assert records.kept.siblings(["turn-0002"])["turn-0002"] == ("turn-0001", "turn-0002")
    assert engine.heard[1][-1].text == "I have a dry cough"
    assert len(engine.heard[1]) == 2


async def test_a_message_sent_again_is_kept_once(consultation, engine, records):
    """A resend after a lost connection does not double what was said."""
    engine.scripts = [[Delta("One"), END], [Delta("Two"), END]]
    await ask(consultation)
    await ask(consultation)
    said = [t for t in records.kept.turns("conversation") if t.role is Role.USER]
    assert len(said) == 1


async def test_a_temporary_conversation_never_reaches_the_disk(
    consultation, engine, records, tmp_path
):
    """Nothing of it is in any file of the data folder, and it is not in the history."""
    engine.scripts = [[Delta("CANARY-ANSWER"), END]]
    exchange = await consultation.ask("private", "turn-0001", "CANARY-QUESTION", temporary=True)
    await ended(consultation, exchange.answer.id)
    assert records.temporary.turn(exchange.answer.id).text == "CANARY-ANSWER"
    assert b"CANARY" not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert records.kept.conversations() == []


async def test_a_cut_answer_says_so(consultation, engine, records):
    """An answer that reached its length limit carries the fact."""
    engine.scripts = [[Delta("Long"), Done("length", 10, 2048)]]
    exchange = await ask(consultation)
    assert records.kept.turn(exchange.answer.id).provenance.cut


async def test_a_slow_engine_is_given_up(consultation, engine, records):
    """The clocks of the settings end an answer that does not come."""
    engine.scripts = [[5.0, Delta("late"), END]]
    exchange = await ask(consultation)
    assert records.kept.turn(exchange.answer.id).error == "model-slow"


async def test_readers_hear_the_end_only_when_it_is_stored(consultation, engine, records):
    """Whoever hears the end finds the whole answer in the store."""
    engine.scripts = [[Delta("All"), 0.05, END]]
    exchange = await consultation.ask("conversation", "turn-0001", "hello")
    async for event in consultation.answer(exchange.answer.id).follow():
        if isinstance(event, End):
            assert records.kept.turn(exchange.answer.id).status is TurnStatus.COMPLETE


async def test_asking_again_for_what_is_gone_says_so(consultation):
    """An unknown turn is an error of ours, not a crash."""
    with pytest.raises(NotFound):
        await consultation.regenerate("no-such-turn")
