"""The answer route speaks its documented lines, live and from the store."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette

from aidoctor.answer import Answer, End
from aidoctor.domain import Delta, Progress, Role, Turn, TurnStatus
from aidoctor.records import Records
from aidoctor.store import Store
from aidoctor.web.answers import routes
from tests.kit.scripted import NOW


@pytest.fixture
def records(tmp_path: Path):
    records = Records(Store.open(tmp_path), Store.in_memory())
    yield records
    records.close()


@pytest.fixture
def live() -> dict[str, Answer]:
    return {}


@pytest.fixture
async def client(records: Records, live: dict[str, Answer]):
    consultation = SimpleNamespace(answer=live.get)
    app = Starlette(routes=routes(lambda: consultation, lambda: records))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def lines(response: httpx.Response) -> list[object]:
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["cache-control"] == "no-store"
    return [json.loads(line) for line in response.text.splitlines()]


def keep(records: Records, status: TurnStatus, error: str = "") -> None:
    records.kept.create(conversation_id="conversation")
    for turn_id, parent, role in (
        ("question1", None, Role.USER),
        ("answer-01", "question1", Role.ASSISTANT),
    ):
        turn = Turn(turn_id, "conversation", parent, role, "hi", TurnStatus.STREAMING, NOW)
        records.kept.add(turn)
    records.kept.finish(
        "answer-01", text="Rest 🛌 well", thought="hm", status=status, provenance=None, error=error
    )


async def test_a_live_answer_is_read_to_its_end(client, live):
    """Stage, thought, text and end come as they happen."""
    answer = live["a1"] = Answer("a1", "c")
    answer.write(Progress("reading", 3, 9))
    reading = asyncio.create_task(client.get("/api/answers/a1"))
    await asyncio.sleep(0.05)
    answer.write(Delta("why", "thought"))
    answer.write(Delta("Drink."))
    answer.finish(End(TurnStatus.COMPLETE))
    stage, *rest = lines(await reading)
    assert (stage["stage"], stage["done"], stage["total"]) == ("reading", 3, 9)
    assert rest == [[3, "why", 1], [6, "Drink."], {"end": "complete", "error": None}]


async def test_a_stored_answer_is_read_from_any_position(client, records):
    """After a restart the same address answers from the store."""
    keep(records, TurnStatus.COMPLETE)
    got = lines(await client.get("/api/answers/answer-01?text=5&thought=2"))
    assert got == [[11, "🛌 well"], {"end": "complete", "error": None}]


async def test_a_reader_ahead_of_the_store_is_reset(client, records):
    """Text that a crash lost is not glued to text that follows."""
    keep(records, TurnStatus.INTERRUPTED)
    got = lines(await client.get("/api/answers/answer-01?text=500"))
    assert got[0] == {"reset": True}
    assert got[2] == [11, "Rest 🛌 well"]


async def test_an_error_travels_in_plain_words(client, records):
    """A failed answer ends with code, what happened and what to do."""
    keep(records, TurnStatus.FAILED, "engine-down")
    end = lines(await client.get("/api/answers/answer-01"))[-1]
    assert end["end"] == "failed"
    assert end["error"]["code"] == "engine-down"
    assert end["error"]["what"].endswith(".")
    assert end["error"]["fix"].endswith(".")


@pytest.mark.parametrize(("path", "status"), [("nobody", 404), ("nobody?text=x", 400)])
async def test_nonsense_is_refused(client, path, status):
    """An unknown answer or position is an error, not a stream."""
    response = await client.get(f"/api/answers/{path}")
    assert response.status_code == status
    assert "error" in response.json()


async def test_many_readers_leave_nothing_behind(client, live):
    """A reader that goes away in mid-answer does not keep the answer waiting."""
    answer = live["a1"] = Answer("a1", "c")
    reading = asyncio.create_task(client.get("/api/answers/a1"))
    await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    answer.write(Delta("on"))
    answer.finish(End(TurnStatus.COMPLETE))
    assert lines(await client.get("/api/answers/a1"))[0] == [2, "on"]
