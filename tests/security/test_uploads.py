"""What people attach is read within limits, kept clean, and shown as a picture and nothing else."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from aidoctor.domain import Role, Turn, TurnStatus
from aidoctor.imaging import ImageCleaner
from aidoctor.imaging.formats import MAX_BYTES
from aidoctor.store import Store
from aidoctor.web import attachments
from tests.kit import pictures

NOISY = 2
PNG = pictures.samples()["PNG"]


class Desk:
    """The routes over two real stores and a real worker."""

    def __init__(self, data_dir: Path, upload_seconds: float) -> None:
        self.data_dir = data_dir
        self.kept, self.temporary = Store.open(data_dir), Store.in_memory()
        self.images = ImageCleaner()
        routes = attachments.routes(
            lambda temporary: self.temporary if temporary else self.kept,
            lambda: self.images,
            upload_seconds=upload_seconds,
        )
        self.app = Starlette(routes=routes)
        transport = httpx.ASGITransport(self.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def attach(self, data: bytes, **query: str) -> httpx.Response:
        return await self.http.post("/api/attachments", params=query, content=data)

    async def aclose(self) -> None:
        await self.http.aclose()
        await self.images.aclose()
        self.kept.close()
        self.temporary.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    desk = Desk(tmp_path / "data", upload_seconds=1)
    yield desk
    await desk.aclose()


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[int]:
    """The application on a real socket; gives its port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


def code_of(response: httpx.Response) -> str:
    error = response.json()["error"]
    assert set(error) == {"code", "what", "fix"} and all(error.values())
    return error["code"]


async def test_a_picture_is_attached_shown_and_taken_back(desk):
    """The whole life of a picture that is not sent."""
    made = await desk.attach(PNG, name="hand.png")
    assert made.status_code == 201
    picture = made.json()
    assert picture == {
        "id": picture["id"],
        "name": "hand.png",
        "width": 64,
        "height": 96,
        "notice": "",
    }
    address = f"/api/attachments/{picture['id']}"
    shown = await desk.http.get(address)
    assert pictures.decoded(shown.content).size == (64, 96)
    assert (await desk.http.delete(address)).status_code == 204
    assert code_of(await desk.http.get(address)) == "not-found"


async def test_a_served_picture_can_be_nothing_else(desk):
    """Fixed type, no sniffing, a sandbox, and not for other sites."""
    picture = (await desk.attach(PNG)).json()
    headers = (await desk.http.get(f"/api/attachments/{picture['id']}")).headers
    assert headers["content-type"] == "image/webp"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, max-age=31536000, immutable"


async def test_a_temporary_picture_stays_in_memory(desk):
    """It is shown and dropped like any other, but neither our disk nor the browser's keeps it."""
    picture = (await desk.attach(PNG, temporary="1", name="CANARY-NAME")).json()
    address = f"/api/attachments/{picture['id']}"
    shown = await desk.http.get(address)
    assert shown.headers["cache-control"] == "private, no-store"
    kept = b"".join(path.read_bytes() for path in desk.data_dir.rglob("*") if path.is_file())
    assert kept
    assert b"CANARY-NAME" not in kept and shown.content not in kept
    assert (await desk.http.delete(address)).status_code == 204
    assert (await desk.http.get(address)).status_code == 404


async def test_a_picture_of_a_turn_cannot_be_taken_back(desk):
    """What was sent belongs to the conversation."""
    picture = (await desk.attach(PNG)).json()
    conversation = desk.kept.create()
    now = datetime.now(UTC)
    turn = Turn("turn-0001", conversation.id, None, Role.USER, "Look", TurnStatus.COMPLETE, now)
    desk.kept.add(turn, [picture["id"]])
    address = f"/api/attachments/{picture['id']}"
    assert (await desk.http.delete(address)).status_code == 404
    assert (await desk.http.get(address)).status_code == 200


@pytest.mark.parametrize("unknown", ["x" * 32, "..%2f..%2fetc%2fpasswd", "%00", "a'--", "é"])
async def test_unknown_ids_are_not_found(desk, unknown):
    """An id is looked up and never becomes a path; a wrong one says so."""
    for method in ("GET", "DELETE"):
        assert (await desk.http.request(method, f"/api/attachments/{unknown}")).status_code == 404


HOSTILE = {
    "svg": (b"<svg xmlns='x' onload='alert(1)'/>", 415, "image-svg"),
    "html": (b"<html><script>alert(1)</script>", 415, "image-html"),
    "wav and html": (b"RIFF\x24\0\0\0WAVEfmt <script>alert(1)</script>", 415, "image-media"),
    "pdf": (b"%PDF-1.7", 415, "image-pdf"),
    "dicom": (bytes(128) + b"DICM", 415, "image-dicom"),
    "text": (b"my knee hurts", 415, "image-unsupported"),
    "nothing": (b"", 422, "image-damaged"),
    "cut": (PNG[: len(PNG) // 2], 422, "image-damaged"),
    "100 million pixels": (pictures.huge_png(), 422, "image-too-many-pixels"),
    "too many bytes": (b"\x89PNG\r\n\x1a\n".ljust(MAX_BYTES + 1), 413, "image-too-large"),
}


@pytest.mark.parametrize(("data", "status", "code"), HOSTILE.values(), ids=HOSTILE)
async def test_what_cannot_be_used_is_refused_within_a_second(desk, data, status, code):
    """Each refusal has its status and its sentence, soon, also while the worker starts."""
    began = time.monotonic()
    answer = await desk.attach(data, name="knee.png")
    assert time.monotonic() - began < 1 * NOISY
    assert (answer.status_code, code_of(answer)) == (status, code)


async def test_a_polyglot_leaves_nothing_but_its_picture(desk):
    """A picture followed by a web page is kept as a picture, and the page is nowhere."""
    picture = (await desk.attach(PNG + b"<html><script>CANARY</script>", name="x.html")).json()
    shown = await desk.http.get(f"/api/attachments/{picture['id']}")
    assert shown.headers["content-type"] == "image/webp"
    kept = b"".join(path.read_bytes() for path in desk.data_dir.rglob("*") if path.is_file())
    assert b"CANARY" not in shown.content + kept


async def test_an_endless_upload_is_refused_at_the_limit(desk):
    """No more is read than is allowed, whatever was announced."""
    taken, chunk = 0, bytes(1_000_000)

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 2_000_000_000:
            taken += len(chunk)
            yield chunk

    answer = await desk.http.post("/api/attachments", content=endless())
    assert (answer.status_code, code_of(answer)) == (413, "image-too-large")
    assert taken <= MAX_BYTES + len(chunk)


async def test_an_upload_announced_too_large_is_not_read_at_all(desk):
    """Two gigabytes are refused before the first of their bytes."""
    reads = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal reads
        reads += 1
        yield b"x"

    answer = await desk.http.post(
        "/api/attachments", content=body(), headers={"Content-Length": "2000000000"}
    )
    assert (answer.status_code, reads) == (413, 0)


async def converse(port: int, head: bytes, body: AsyncIterator[bytes]) -> bytes:
    """Send a request over a socket until there is an answer, and return it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read(4_000))
    writer.write(b"POST /api/attachments HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n")
    async for chunk in body:
        if answer.done():
            break
        writer.write(chunk)
        await writer.drain()
    received = await answer
    writer.close()
    return received


async def test_an_endless_upload_over_a_socket_gets_its_answer(desk):
    """The refusal arrives while the sender is still sending."""
    piece = bytes(250_000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield b"%x\r\n%s\r\n" % (len(piece), piece)

    async with served(desk.app) as port:
        answer = await converse(port, b"Transfer-Encoding: chunked\r\n", chunks())
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"image-too-large" in answer


async def test_an_upload_that_drips_is_ended(desk):
    """One byte now and then does not hold a place for ever, and the connection is closed."""

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.1)

    began = time.monotonic()
    async with served(desk.app) as port:
        answer = await converse(port, b"Content-Length: 1000\r\n", drops())
    assert time.monotonic() - began < 5
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"image-upload-slow" in answer and b"connection: close" in answer.lower()


async def test_a_sender_who_leaves_harms_nobody(desk):
    """A broken upload keeps nothing, and the next one works."""
    async with served(desk.app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/attachments HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n\x89PN"
        )
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.1)
        async with httpx.AsyncClient(trust_env=False) as http:
            url = f"http://127.0.0.1:{port}/api/attachments"
            assert (await http.post(url, content=PNG)).status_code == 201


async def test_many_uploads_at_once_are_all_answered(desk):
    """Eight people's worth of pictures wait for their places and are all kept."""
    answers = await asyncio.gather(*(desk.attach(PNG, name=f"{n}.png") for n in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 8


async def test_a_closed_store_is_said_and_not_a_crash(desk):
    """Trouble on the disk is an answer with a code of its own."""
    desk.kept.close()
    answer = await desk.attach(PNG)
    assert (answer.status_code, code_of(answer)) == (503, "store-closed")


NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "C:\\Users\\me\\scan 1.png": "scan 1.png",
    "a\x00b\r\nc.png": "abc.png",
    "photo\u202egnp.exe": "photognp.exe",
    "  two   words .jpg ": "two words .jpg",
    "x" * 300 + ".png": "x" * 80,
    "": "picture",
    "folder/": "picture",
    "<b>knee</b>.png": "b>.png",
    "膝.heic": "膝.heic",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
async def test_a_name_is_a_label_and_never_a_path(desk, name, shown):
    """Folders, control characters and length are cut off; no file of that name appears."""
    assert (await desk.attach(PNG, name=name)).json()["name"] == shown
    files = {path.name for path in desk.data_dir.parent.rglob("*")}
    assert shown not in files


@given(st.text(max_size=400))
def test_every_name_becomes_a_short_visible_label(name):
    """Whatever a file is called, its label is one line of 1 to 80 visible characters."""
    label = attachments.label(name)
    assert 1 <= len(label) <= attachments.MAX_LABEL
    assert label == label.strip()
    assert label.isprintable()
    assert not {"/", "\\"} & set(label)
    assert attachments.label(label) == label
