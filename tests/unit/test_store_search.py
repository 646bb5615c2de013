"""Search finds words wherever they were said, takes any input, and stays fast."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from aidoctor.domain import TurnStatus
from aidoctor.store import Store
from aidoctor.store.database import Database
from aidoctor.store.tables import ConversationRow, TurnRow
from tests.kit.talk import answered, begun, said


@pytest.fixture(scope="module")
def library() -> Iterator[tuple[Store, dict[str, str]]]:
    store = Store.in_memory()
    texts = {
        "knee": 'My knee "clicks" since the café visit, 50% of the time',
        "head": "Headache and naïve Übelkeit; x-ray was clear",
        "cjk": "我最近头痛得厉害",
        "emoji": "I feel 😷 today",
    }
    chats = {name: begun(store, text)[0] for name, text in texts.items()}
    store.add(answered(chats["knee"], "Try ibuprofen.", None))
    store.rename(chats["head"], "Migraine diary")
    yield store, chats
    store.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("knee", {"knee"}),
        ("KNE", {"knee"}),
        ("cafe", {"knee"}),
        ("CAFÉ", {"knee"}),
        ("ubelkeit naive", {"head"}),
        ("ibuprofen clicks", {"knee"}),  # one in the answer, one in the question
        ("knee headache", set()),
        ("migraine", {"head"}),
        ("diary übel", {"head"}),
        ("x-ray", {"head"}),
        ("x-ra", {"head"}),
        ("nee", set()),
        ("头痛", {"cjk"}),
        ("😷", {"emoji"}),
        ("50%", {"knee"}),
        ("%", {"knee"}),
        ("_", set()),
        ('"clicks"', {"knee"}),
        ("the", {"knee"}),
    ],
)
def test_search_finds(library, query, found):
    """Words match by their beginning, without case and accents, anywhere in a conversation."""
    store, chats = library
    assert {c.id for c in store.conversations(query)} == {chats[name] for name in found}


@pytest.mark.parametrize("query", ["", "   ", "\n\t"])
def test_an_empty_search_is_the_list(library, query):
    """No words, no condition."""
    store, _ = library
    assert store.conversations(query) == store.conversations()


OPERATORS = [
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    '"',
    "'",
    "*",
    "^",
    "-",
    "+",
    ":",
    "text:",
    "(",
    ")",
    "{}",
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(OPERATORS)).map(" ".join)))
def test_any_input_is_safe(library, query):
    """No query is an error, whatever it holds."""
    store, _ = library
    assert isinstance(store.conversations(query), list)


def test_a_very_long_query_is_cut(library):
    """A pasted page of text searches by its first words."""
    store, _ = library
    assert store.conversations("knee " * 100_000)
    assert store.conversations("q" * 1_000_000) == []


def test_the_index_follows_every_change(tmp_path):
    """Renamed, finished, partial and deleted text is found, or not, as it is now."""
    store = Store.open(tmp_path)
    chat, question = begun(store, "alpha")
    answer = store.add(answered(chat, "", question, status=TurnStatus.STREAMING)).id
    store.save_partial(answer, "bravo", "")
    assert store.conversations("bravo") == []
    store.finish(answer, text="charlie", thought="", status=TurnStatus.COMPLETE, provenance=None)
    assert store.conversations("bravo") == []
    assert store.conversations("charlie")
    store.rename(chat, "delta")
    store.reopen(answer)
    assert store.conversations("charlie") == []
    assert store.interrupt_running() == 1
    assert store.conversations("charlie delta alpha")
    store.rename(chat, "echo")
    assert store.conversations("delta") == []
    store.delete(chat)
    assert store.conversations("alpha") == store.conversations("echo") == []
    begun(store, "alpha again")
    assert len(store.conversations("alpha")) == 1
    store.delete_all()
    assert store.conversations("alpha") == []
    begun(store, "alpha once more")
    assert len(store.conversations("alpha")) == 1
    store.close()


def test_thoughts_are_not_searched(library):
    """What a model thought is not what was said."""
    store, chats = library
    store.add(said(chats["knee"], "ok", thought="zirconium"))
    assert store.conversations("zirconium") == []


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """10,000 conversations of six turns; common words are in nearly all of them."""
    rng = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(3000)]
    words += ["pain", "the", "since", "headache"] * 300
    database = Database.open(tmp_path_factory.mktemp("large"))
    now = datetime.now(UTC)
    with database.writing() as session:
        for n in range(10_000):
            chat = {"id": f"chat{n:06}", "title": " ".join(rng.choices(words, k=6))}
            turn = {"conversation_id": chat["id"], "status": "complete", "created_at": now}
            turns = [
                turn
                | {"id": f"{n:06}-{k}", "role": "user", "text": " ".join(rng.choices(words, k=40))}
                for k in range(6)
            ]
            session.execute(
                insert(ConversationRow),
                [chat | {"created_at": now, "updated_at": now, "activity": n}],
            )
            session.execute(insert(TurnRow), turns)
    yield Store(database)
    database.close()


def milliseconds(call: object) -> float:
    """The best of five, since other programs run too."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call()  # type: ignore[operator]
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def test_ten_thousand_conversations_are_listed_within_200_ms(large):
    """The list as the page asks for it."""
    assert len(large.conversations()) == 200
    assert milliseconds(large.conversations) <= 200


@pytest.mark.parametrize(
    "query", ["headache", "p", "pain the since", "headache pai a", "x-ray", "😷", "zzzzz"]
)
def test_ten_thousand_conversations_are_searched_within_300_ms(large, query):
    """Common words, single letters, words that nothing has, and what the index does not know."""
    assert milliseconds(lambda: large.conversations(query)) <= 300
