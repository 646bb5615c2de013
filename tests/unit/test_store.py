"""What the store keeps comes back as it was, on disk and in memory alike."""

import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidoctor.domain import Provenance, TurnStatus
from aidoctor.errors import NotFound, StoreClosed, TurnRefused
from aidoctor.store import Store
from aidoctor.store.conversations import title_from
from tests.kit.talk import PICTURE, answered, begun, said


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "data") if request.param == "disk" else Store.in_memory()
    yield store
    store.close()


def test_the_folder_and_its_files_are_private(tmp_path):
    """The data folder is 0700 and every file in it 0600, also where they were more open before."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o755)
    (data_dir / "conversations.sqlite3").touch(0o644)
    store = Store.open(data_dir)
    begun(store)
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data_dir.iterdir()}
    assert len(files) == 3
    assert set(files.values()) == {0o600}
    store.close()


def test_everything_is_there_after_a_restart(tmp_path):
    """A turn with all its fields, its picture and the preferences survive closing the store."""
    store = Store.open(tmp_path)
    chat, question = begun(store, "What is this?")
    picture = store.add_attachment(PICTURE, "mole.png")
    shown = store.add(said(chat, "Look", question), [picture.id])
    answer = store.add(answered(chat, "", shown.id, status=TurnStatus.STREAMING))
    made_by = Provenance("ollama", "medgemma", 12, 34, 5.6, 1, 2, 8192, True)
    store.finish(
        answer.id,
        text="A mole.\nHarmless?",
        thought="hm",
        status=TurnStatus.FAILED,
        provenance=made_by,
        error="stream-broken",
    )
    store.prefer("theme", "dark")
    before = store.branch(answer.id), store.conversation(chat)
    store.close()

    store = Store.open(tmp_path)
    assert (store.branch(answer.id), store.conversation(chat)) == before
    assert before[0][1].attachments == (picture,)
    assert before[0][2].provenance == made_by
    assert before[0][2].text == "A mole.\nHarmless?"
    assert (store.attachment_view(picture.id), store.attachment_model(picture.id)) == (
        b"RIFF-view",
        b"PNG-model",
    )
    assert store.preferences() == {"theme": "dark"}
    store.close()


def test_pinned_conversations_come_first_and_then_the_newest(store):
    """The list is ordered by the last turn added, pinned ones on top."""
    chats = [begun(store, f"chat {n}")[0] for n in range(4)]
    store.add(said(chats[1], "again"))
    store.pin(chats[0], True)
    listed = [c.id for c in store.conversations()]
    assert listed == [chats[0], chats[1], chats[3], chats[2]]
    store.pin(chats[0], False)
    assert [c.id for c in store.conversations(limit=2)] == [chats[1], chats[3]]


def test_the_clock_may_jump_and_the_order_stays(store):
    """Turns and conversations keep their order though the clock goes back a day each time."""
    now = datetime.now(UTC)
    chat = store.create().id
    parent, ids = None, []
    for day in range(5):
        parent = store.add(said(chat, "x", parent, created_at=now - timedelta(days=day))).id
        ids.append(parent)
    siblings = [
        store.add(answered(chat, "y", parent, created_at=now - timedelta(days=9 + day))).id
        for day in range(3)
    ]
    assert [turn.id for turn in store.branch(parent)] == ids
    assert store.siblings(siblings)[siblings[0]] == tuple(siblings)
    assert store.select(parent) == siblings[-1]
    late, _ = begun(store)
    store.add(said(chat, "z", created_at=now - timedelta(days=99)))
    assert [c.id for c in store.conversations()] == [chat, late]


def test_times_come_back_in_utc_whatever_zone_they_were_in(store):
    """A moment given in another zone is the same moment."""
    from datetime import timezone

    moment = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    turn = store.add(said(store.create().id, "x", created_at=moment))
    assert store.turn(turn.id).created_at == moment
    assert store.turn(turn.id).created_at.tzinfo == UTC


def test_the_first_words_give_the_title_until_the_person_does(store):
    """The first user turn with words names the conversation; a chosen title stays."""
    chat = store.create().id
    first = store.add(said(chat, "  \n")).id
    assert store.conversation(chat).title == ""
    second = store.add(said(chat, "My knee\n\nhurts\tsince Monday", first)).id
    assert store.conversation(chat).title == "My knee hurts since Monday"
    store.rename(chat, "Knee\r\nleft")
    store.add(said(chat, "Something else", second))
    found = store.conversation(chat)
    assert (found.title, found.titled) == ("Knee left", True)


@given(st.text(max_size=300))
def test_a_title_is_one_short_line(text):
    """Whatever is said first, its title has one line of at most 60 characters."""
    title = title_from(text)
    assert len(title) <= 60
    assert len(title.splitlines()) <= 1
    assert "\x00" not in title
    assert bool(title) == bool(title.strip())


def test_a_long_title_is_cut_between_words():
    """Whole words and an ellipsis; one endless word is cut where it must be."""
    title = title_from("I have had a headache on the left side of my head since last Tuesday")
    assert title == "I have had a headache on the left side of my head since…"
    assert title_from("a" * 100) == "a" * 59 + "…"
    assert title_from("b" * 60) == "b" * 60


def test_editing_and_asking_again_lose_nothing(store):
    """Every version of a message and of an answer stays, each with what followed it."""
    chat, question = begun(store, "one")
    answers = [store.add(answered(chat, f"answer {n}", question)).id for n in range(3)]
    follow = store.add(said(chat, "and then?", answers[0])).id
    edited = store.add(said(chat, "one, differently", None)).id
    assert store.conversation(chat).leaf_id == edited
    assert store.siblings([question, answers[1], follow]) == {
        question: (question, edited),
        answers[1]: tuple(answers),
        follow: (follow,),
    }
    assert store.select(answers[0]) == follow
    assert store.conversation(chat).leaf_id == follow
    assert [t.text for t in store.branch(follow)] == ["one", "answer 0", "and then?"]
    assert store.select(question) == follow
    assert store.select(answers[1]) == answers[1]
    assert store.select(edited) == edited
    assert [t.id for t in store.turns(chat)] == [question, *answers, follow, edited]


def test_siblings_never_come_from_another_conversation(store):
    """First turns have no parent; those of other conversations are still no siblings."""
    (_, one), (_, two) = begun(store), begun(store)
    assert store.siblings([one, two, "unknown"]) == {one: (one,), two: (two,)}
    assert store.siblings([]) == {}


def test_a_branch_can_be_read_from_its_end(store):
    """`limit` gives the last turns, oldest first, also in a conversation of 500."""
    chat, parent = begun(store)
    ids = [parent]
    for _ in range(499):
        parent = store.add(said(chat, "x", parent)).id
        ids.append(parent)
    assert [t.id for t in store.branch(parent, limit=7)] == ids[-7:]
    assert [t.id for t in store.branch(parent)] == ids
    assert [t.id for t in store.branch(ids[3], limit=7)] == ids[:4]


def test_a_turn_sent_again_is_kept_once(store):
    """A resend after a lost reply changes nothing; the same id with other words is refused."""
    chat = store.create(conversation_id="chat-0001").id
    picture = store.add_attachment(PICTURE, "a.png").id
    turn = said(chat, "hello", id="sent-by-page")
    first = store.add(turn, [picture])
    later = replace(turn, created_at=turn.created_at + timedelta(seconds=9))
    assert store.create(conversation_id="chat-0001") == store.conversation(chat)
    assert store.add(later, [picture]) == first
    assert [t.id for t in store.turns(chat)] == ["sent-by-page"]
    for other, pictures in ((replace(turn, text="bye"), [picture]), (turn, [])):
        with pytest.raises(TurnRefused):
            store.add(other, pictures)


@pytest.mark.parametrize(
    "turn_id", ["", "short", "x" * 41, "../../etc/passwd", "späßchen", "a b c d e"]
)
def test_malformed_turn_ids_are_refused(store, turn_id):
    """Only 8 to 40 letters, digits, - and _ make an id."""
    with pytest.raises(TurnRefused):
        store.add(said(store.create().id, "x", id=turn_id))


def test_a_turn_needs_its_conversation_its_parent_and_its_pictures(store):
    """What is named and not there is NotFound, and nothing of the turn is kept."""
    (chat, _), (_, elsewhere) = begun(store), begun(store)
    refused = [
        (said("no-such-chat", "x"), []),
        (said(chat, "x", "no-such-turn"), []),
        (said(chat, "x", elsewhere), []),
        (said(chat, "x"), ["no-such-picture"]),
    ]
    for turn, pictures in refused:
        with pytest.raises(NotFound):
            store.add(turn, pictures)
        with pytest.raises(NotFound):
            store.turn(turn.id)


def test_what_is_not_there_is_not_found(store):
    """Every call with an unknown id says so."""
    calls = [
        lambda: store.conversation("?"),
        lambda: store.rename("?", "x"),
        lambda: store.pin("?", True),
        lambda: store.delete("?"),
        lambda: store.turn("?"),
        lambda: store.turns("?"),
        lambda: store.branch("?"),
        lambda: store.select("?"),
        lambda: store.save_partial("?", "", ""),
        lambda: store.reopen("?"),
        lambda: store.finish("?", text="", thought="", status=TurnStatus.COMPLETE, provenance=None),
        lambda: store.attachment_view("?"),
        lambda: store.attachment_model("?"),
        lambda: store.drop_attachment("?"),
    ]
    for call in calls:
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.what
        assert caught.value.fix


def test_a_late_partial_save_does_not_undo_the_end(store):
    """Only a running answer takes partial text."""
    chat, question = begun(store)
    answer = store.add(answered(chat, "", question, status=TurnStatus.STREAMING)).id
    store.save_partial(answer, "Dri", "thinking")
    assert (store.turn(answer).text, store.turn(answer).thought) == ("Dri", "thinking")
    store.finish(answer, text="Drink.", thought="", status=TurnStatus.STOPPED, provenance=None)
    store.save_partial(answer, "Dri", "thinking")
    assert (store.turn(answer).text, store.turn(answer).status) == ("Drink.", TurnStatus.STOPPED)


def test_what_was_running_is_interrupted_at_the_next_start(tmp_path):
    """A streaming answer keeps its partial text and becomes interrupted; others stay."""
    store = Store.open(tmp_path)
    chat, question = begun(store)
    running = store.add(answered(chat, "", question, status=TurnStatus.STREAMING)).id
    store.save_partial(running, "Half an ans", "")
    store.close()
    store = Store.open(tmp_path)
    assert store.interrupt_running() == 1
    assert store.interrupt_running() == 0
    turn = store.turn(running)
    assert (turn.status, turn.text) == (TurnStatus.INTERRUPTED, "Half an ans")
    assert store.turn(question).status is TurnStatus.COMPLETE
    store.close()


def test_an_answer_that_goes_on_runs_again(store):
    """A reopened answer is streaming, without its error, with its text."""
    chat, question = begun(store)
    answer = store.add(
        answered(chat, "Half", question, status=TurnStatus.FAILED, error="stream-broken")
    ).id
    store.reopen(answer)
    turn = store.turn(answer)
    assert (turn.status, turn.error, turn.text) == (TurnStatus.STREAMING, "", "Half")
    store.save_partial(answer, "Half and more", "")
    assert store.turn(answer).text == "Half and more"


def test_text_keeps_its_length_whatever_is_in_it(store):
    """NUL and lone surrogates become U+FFFD one by one; everything else is kept exactly."""
    text = "a\x00b\ud800c 👩‍⚕️ שלום \r\n\t'\"; DROP TABLE turns; --"
    chat = store.create(title="\ud83d broken").id
    turn = store.add(said(chat, text, thought=text))
    expected = text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert store.turn(turn.id) == turn
    assert (turn.text, turn.thought) == (expected, expected)
    assert len(turn.text) == len(text)
    assert store.add(replace(turn, text=text)) == turn


def test_an_edited_message_has_the_same_pictures(store):
    """Two turns of one conversation share a picture; another conversation cannot have it."""
    chat, other = store.create().id, store.create().id
    pictures = [store.add_attachment(PICTURE, f"{n}.png") for n in range(3)]
    ids = [picture.id for picture in reversed(pictures)]
    first = store.add(said(chat, "look"), ids)
    edited = store.add(said(chat, "look here"), ids)
    assert first.attachments == edited.attachments == tuple(reversed(pictures))
    with pytest.raises(NotFound):
        store.add(said(other, "mine"), ids)
    store.delete(other)
    assert store.attachment_view(ids[0]) == PICTURE.view
    store.delete(chat)
    for picture in ids:
        with pytest.raises(NotFound):
            store.attachment_view(picture)


def test_only_unclaimed_pictures_can_be_dropped_or_swept(store):
    """A picture that a turn has stays; one that nobody took goes, by hand or by age."""
    kept, dropped, old = (store.add_attachment(PICTURE, n).id for n in ("k", "d", "o"))
    store.add(said(store.create().id, "x"), [kept])
    store.drop_attachment(dropped)
    with pytest.raises(NotFound):
        store.drop_attachment(kept)
    assert store.sweep_unclaimed(timedelta(hours=1)) == 0
    assert store.sweep_unclaimed(timedelta(seconds=-1)) == 1
    assert store.attachment_view(kept)
    for gone in (dropped, old):
        with pytest.raises(NotFound):
            store.attachment_view(gone)


def test_attachment_ids_cannot_be_guessed(store):
    """Each id carries 192 random bits."""
    ids = {store.add_attachment(PICTURE, "x").id for _ in range(20)}
    assert len(ids) == 20
    assert {len(i) for i in ids} == {32}


def test_preferences_are_kept_changed_and_taken_back(store):
    """The last choice counts; None forgets it."""
    store.prefer("model", "a")
    store.prefer("model", "b")
    assert store.preference("model") == "b"
    store.prefer("model", None)
    store.prefer("never", None)
    assert store.preference("model") is None
    assert store.preferences() == {}


def test_a_temporary_conversation_never_reaches_the_disk(tmp_path):
    """The store on disk refuses one; the store in memory says that all of its are temporary."""
    disk, memory = Store.open(tmp_path), Store.in_memory()
    with pytest.raises(ValueError, match="memory"):
        disk.create(temporary=True)
    assert disk.conversations() == []
    assert memory.create(temporary=True).temporary
    assert not disk.create().temporary
    disk.close()


def test_a_closed_store_says_so(store):
    """Nothing opens the file again behind the lock on the folder."""
    store.close()
    for call in (store.conversations, store.create):
        with pytest.raises(StoreClosed):
            call()


def test_many_threads_write_and_read_at_once(store):
    """Eight threads add 25 turns each to one conversation: none lost, none doubled."""
    chat, _ = begun(store)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for n in range(25):
                store.add(said(chat, f"turn {n}"))
                store.conversations("turn")
                store.turns(chat)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.turns(chat)) == 201
    assert len({turn.id for turn in store.turns(chat)}) == 201
