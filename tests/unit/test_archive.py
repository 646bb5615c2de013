"""A conversation leaves as a file and comes back whole; a hostile file is refused."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from aidoctor import archive
from aidoctor.domain import CleanImage, Provenance, Turn, TurnStatus
from aidoctor.errors import ImportRefused, ImportTooLarge
from aidoctor.imaging import ImageCleaner
from aidoctor.store import Store
from aidoctor.web.conversations import file_name, routes
from tests.kit.pictures import encoded
from tests.kit.talk import answered, said

TEXT = "Häufig: <script>alert(1)</script> | a\n# not a heading of ours 👩‍⚕️"


@pytest.fixture
def store(tmp_path: Path):
    store = Store.open(tmp_path)
    yield store
    store.close()


@pytest.fixture(scope="module")
def picture() -> CleanImage:
    from PIL import Image

    webp = encoded(Image.new("RGB", (40, 30), (200, 100, 50)), "WEBP", lossless=True)
    png = encoded(Image.new("RGB", (40, 30), (200, 100, 50)), "PNG")
    return CleanImage(webp, png, 40, 30, "Only the first frame.")


@pytest.fixture
def chat(store: Store, picture: CleanImage) -> str:
    """Two branches, two pictures, a thought, a failed answer and one that is being written."""
    chat = store.create().id
    pictures = [store.add_attachment(picture, name).id for name in ("a].png", "b.png")]
    question = store.add(said(chat, TEXT), pictures).id
    edited = store.add(said(chat, "Edited"), pictures[:1]).id
    store.add(
        answered(
            chat,
            "Half",
            question,
            thought="Let me\nthink",
            status=TurnStatus.FAILED,
            error="stream-broken",
            provenance=Provenance("ollama", "medgemma", 1, 2, 3.5, 4, 5, 6, True),
        )
    )
    store.add(answered(chat, "Running", edited, status=TurnStatus.STREAMING))
    store.rename(chat, "My rash: week 2/3")
    store.select(question)
    return chat


def told(turns: list[Turn]) -> list[tuple[object, ...]]:
    """Everything of turns but their ids; a parent by its place."""
    places = {turn.id: place for place, turn in enumerate(turns)}
    return [
        (
            places.get(turn.parent_id or ""),
            turn.role,
            turn.text,
            turn.thought,
            turn.created_at,
            turn.provenance,
            turn.error,
            [(a.name, a.notice, a.width, a.height, a.size) for a in turn.attachments],
        )
        for turn in turns
    ]


def taken_back(store: Store, content: str, picture: CleanImage) -> str:
    read = archive.parse(content.encode())
    return archive.restore(store, read, dict.fromkeys(read.pictures, picture)).id


def test_every_branch_and_picture_comes_back(store, chat, picture):
    """The copy tells the same in the same tree, shows the same branch, and shares no id."""
    copy = taken_back(store, archive.to_json(store, chat), picture)
    one, two = store.turns(chat), store.turns(copy)
    assert told(one) == told(two)
    assert [t.status for t in two] == [
        TurnStatus.COMPLETE,
        TurnStatus.COMPLETE,
        TurnStatus.FAILED,
        TurnStatus.INTERRUPTED,
    ]
    assert not {t.id for t in one} & {t.id for t in two}
    before, after = store.conversation(chat), store.conversation(copy)
    assert (after.title, after.titled, after.created_at) == (
        "My rash: week 2/3",
        True,
        before.created_at,
    )
    assert [t.text for t in store.branch(str(after.leaf_id))] == [TEXT, "Half"]
    assert store.attachment_view(two[0].attachments[0].id) == picture.view
    assert store.conversations()[0].id == copy
    assert {c.id for c in store.conversations("edited rash")} == {chat, copy}


def test_a_copy_of_a_copy_is_the_same_file(store, chat, picture):
    """Exporting what was imported changes only the ids."""
    copy = taken_back(store, archive.to_json(store, chat), picture)
    first, second = (json.loads(archive.to_json(store, c)) for c in (chat, copy))
    for content in (first, second):
        content["conversation"].pop("leaf")
        for turn in content["turns"]:
            turn.pop("id")
            turn.pop("parent")
    assert first == second


def test_an_empty_conversation_travels_too(store, picture):
    """No turns, no leaf."""
    copy = taken_back(store, archive.to_json(store, store.create().id), picture)
    assert store.turns(copy) == []
    assert store.conversation(copy).leaf_id is None


def test_markdown_shows_the_shown_branch_with_its_pictures(store, chat, picture):
    """Title, both voices, the model, the thought as a quotation, pictures as data URIs."""
    text = archive.to_markdown(store, chat)
    assert text.startswith("# My rash: week 2/3\n\n## You\n\n*20")
    data = base64.b64encode(picture.view).decode()
    assert f"![a.png](data:image/webp;base64,{data})" in text
    assert TEXT in text
    assert "UTC · medgemma*\n\n> *Thoughts*\n> \n> Let me\n> think\n\nHalf\n\n*(failed)*\n" in text
    assert "Edited" not in text
    assert archive.to_markdown(store, store.create().id) == "# Conversation\n"


def broken(content: dict) -> dict[str, object]:
    """The exported content with one thing wrong each."""

    def with_(**more: object) -> dict:
        return content | more

    def turn(**more: object) -> dict:
        return with_(turns=[content["turns"][0] | more])

    def talk(**more: object) -> dict:
        return with_(conversation=content["conversation"] | {"leaf": None} | more)

    one = content["turns"][0]
    return {
        "not an object": [content],
        "nothing": None,
        "other format": with_(format="chatgpt"),
        "version of text": with_(version="x"),
        "no turns": {k: v for k, v in content.items() if k != "turns"},
        "turns of nothing": with_(turns=[None]),
        "too many turns": with_(turns=[one | {"pictures": []}] * (archive.MAX_TURNS + 1)),
        "one id twice": with_(turns=[one, one]),
        "own parent": turn(parent=one["id"]),
        "unknown parent": turn(parent="elsewhere"),
        "system role": turn(role="system"),
        "running": turn(status="streaming"),
        "no time zone": turn(created_at="2026-01-01T00:00:00"),
        "year one": turn(created_at="0001-01-01T00:00:00+14:00"),
        "last year": turn(created_at="9999-12-31T23:59:59-14:00"),
        "text of a number": turn(text=5),
        "text too long": turn(text="x" * (archive.MAX_TEXT + 1)),
        "error of words": turn(error="<b>"),
        "endless seconds": turn(provenance={"engine": "e", "model": "m", "seconds": 1e300}),
        "negative tokens": turn(provenance={"engine": "e", "model": "m", "left_out": -1}),
        "picture of nonsense": turn(pictures=[{"webp": "???"}]),
        "picture without content": turn(pictures=[{"name": "x"}]),
        "17 pictures": turn(pictures=[{"webp": ""}] * 17),
        "unknown leaf": talk(leaf="elsewhere"),
        "title of a list": talk(title=["x"]),
    }


KINDS = list(broken({"turns": [{"id": "x"}], "conversation": {}}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_file_is_refused_and_nothing_is_kept(store, chat, kind):
    """Each is ImportRefused; the detail says where, and holds no word of the file."""
    content = json.loads(archive.to_json(store, chat))
    with pytest.raises(ImportRefused) as caught:
        archive.parse(json.dumps(broken(content)[kind]).encode())
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "rash" not in caught.value.detail + str(caught.value)
    assert len(store.conversations()) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"\x00" * 1000,
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"NaN",
        b"1" * 100_000,
        b'"\\ud800"',
        b"PK\x03\x04",
    ],
)
def test_what_is_no_json_is_refused(data):
    """Also nesting and numbers made to exhaust a parser."""
    with pytest.raises(ImportRefused):
        archive.parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_else(data):
    """Whatever comes, it is refused in our own words."""
    with pytest.raises(ImportRefused):
        archive.parse(data)


@given(
    st.sampled_from(["id", "parent", "role", "text", "status", "created_at", "pictures", "error"]),
    JSON,
)
def test_no_field_of_a_turn_raises_anything_else(field, value):
    """One field replaced by anything: taken, or refused in our own words."""
    turn = {"id": "a", "role": "user", "text": "x", "created_at": "2026-01-01T00:00:00Z"}
    talk = {"title": "x", "created_at": "2026-01-01T00:00:00Z"}
    content = {"format": archive.FORMAT, "version": 1, "conversation": talk}
    content["turns"] = [turn | {field: value}]
    try:
        archive.parse(json.dumps(content).encode())
    except ImportRefused:
        return


def test_a_newer_file_says_update(store, chat):
    """The version is read first of all that matters."""
    content = json.loads(archive.to_json(store, chat)) | {"version": 2}
    with pytest.raises(ImportRefused) as caught:
        archive.parse(json.dumps(content).encode())
    assert "Update" in caught.value.fix


def test_too_many_bytes_are_too_many(monkeypatch):
    """The limit holds for `parse` itself."""
    monkeypatch.setattr(archive, "MAX_BYTES", 10)
    with pytest.raises(ImportTooLarge):
        archive.parse(b" " * 11)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    cleaner = ImageCleaner()
    app = Starlette(routes=routes(lambda _: store, lambda: store, cleaner.clean, limit=200_000))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await cleaner.aclose()


async def test_over_http_it_leaves_and_comes_back(client, store, chat):
    """Export, import, and the pictures have been through the cleaner."""
    exported = await client.get(f"/api/conversations/{chat}/export.json")
    assert exported.status_code == 200
    assert exported.headers["content-type"] == "application/json"
    assert exported.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''My-rash-week-2-3.json"
    )
    assert exported.headers["x-content-type-options"] == "nosniff"
    assert exported.headers["cache-control"] == "private, no-store"
    imported = await client.post("/api/conversations/import", content=exported.content)
    assert imported.status_code == 201
    copy = store.turns(imported.json()["id"])
    assert [t.text for t in copy] == [t.text for t in store.turns(chat)]
    shown = copy[0].attachments[0]
    assert (shown.width, shown.height, shown.name) == (40, 30, "a].png")
    assert store.attachment_view(shown.id)[8:12] == b"WEBP"
    assert store.attachment_model(shown.id)[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0")


async def test_markdown_is_served_as_a_file(client, chat):
    """Never shown by the browser as a page of ours."""
    reply = await client.get(f"/api/conversations/{chat}/export.md")
    assert reply.headers["content-type"] == "text/markdown; charset=utf-8"
    assert reply.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in reply.headers["content-security-policy"]
    assert reply.text.startswith("# My rash")


@pytest.mark.parametrize("kind", ["json", "md"])
async def test_an_unknown_conversation_is_404(client, kind):
    """With the error's own words."""
    reply = await client.get(f"/api/conversations/no-such-chat/export.{kind}")
    assert reply.status_code == 404
    assert set(reply.json()["error"]) == {"code", "what", "fix"}


@pytest.mark.parametrize(
    ("webp", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", 422),
        (b"GIF89a", 422),
        (b"", 422),
        (os.urandom(500), 422),
    ],
)
async def test_an_imported_picture_that_is_none_is_refused(client, store, chat, webp, status):
    """The whole import is refused; nothing of it is kept."""
    content = json.loads(archive.to_json(store, chat))
    content["turns"][1]["pictures"][0]["webp"] = base64.b64encode(webp).decode()
    reply = await client.post("/api/conversations/import", content=json.dumps(content))
    assert reply.status_code == status
    assert reply.json()["error"]["code"].startswith("image")
    assert len(store.conversations()) == 1


async def test_a_wrong_body_is_422_and_a_large_one_413(client, store):
    """Refused at the announcement, or at the first byte too many where there is none."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 50_000

    wrong = await client.post("/api/conversations/import", content=b"{}")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "import-refused")
    for content in (b" " * 200_001, endless()):
        large = await client.post("/api/conversations/import", content=content)
        assert (large.status_code, large.json()["error"]["code"]) == (413, "import-too-large")
    assert store.conversations() == []


async def test_a_body_that_does_not_come_is_not_waited_for(store):
    """A slow upload ends with 408 at its time."""
    import asyncio

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async def clean(data: bytes) -> CleanImage:
        raise AssertionError(data)

    app = Starlette(routes=routes(lambda _: store, lambda: store, clean, upload_seconds=0.05))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        reply = await client.post("/api/conversations/import", content=slow())
    assert reply.status_code == 408


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("My rash: week 2/3", "My-rash-week-2-3"),
        ("../../etc/passwd", "etc-passwd"),
        ("con", "conversation-con"),
        ("LPT1", "conversation-LPT1"),
        ("", "conversation"),
        ("😷", "conversation"),
        ('a"\r\nSet-Cookie: x', "a-Set-Cookie-x"),
        ("头痛", "头痛"),
        ("x" * 300, "x" * 60),
    ],
)
def test_file_names_are_safe_everywhere(title, name):
    """Words and hyphens of the title, whatever is in it."""
    assert file_name(title) == name


@given(st.text())
def test_no_title_makes_a_dangerous_name(title):
    """Never empty, never a path, never more than one line."""
    name = file_name(title)
    assert name
    assert not set(name) & set('/\\:*?"<>|.\r\n\x00 ')
