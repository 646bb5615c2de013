"""Whatever happens to the process that decodes, the program goes on and says what it was."""

import asyncio
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator

import psutil
import pytest

from aidoctor.errors import (
    ImageDamaged,
    ImageError,
    ImageMemory,
    ImageTimeout,
    ImageTooManyPixels,
)
from aidoctor.imaging import ImageCleaner, cleaner, wire
from tests.kit import pictures

NOISY = 2
"""Machines that test are busy: limits of time are met within twice their figure."""

PNG = pictures.samples()["PNG"]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits or signals")


@pytest.fixture
async def images() -> AsyncGenerator[ImageCleaner]:
    images = ImageCleaner(seconds=1)
    yield images
    await images.aclose()


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether the process ends within this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


async def hung(images: ImageCleaner) -> tuple[psutil.Process, asyncio.Task]:
    """A worker that stands still with a picture in its hands."""
    await images.clean(PNG)
    worker = psutil.Process(images.worker_pid)
    worker.suspend()
    task = asyncio.create_task(images.clean(PNG))
    await asyncio.sleep(0.1)
    return worker, task


async def test_one_worker_serves_many_pictures_and_starts_when_needed(images):
    """The worker is started by the first picture and kept for the next."""
    assert images.worker_pid is None
    await images.clean(PNG)
    first = images.worker_pid
    await asyncio.gather(*(images.clean(data) for data in pictures.samples().values()))
    assert images.worker_pid == first


async def test_a_worker_that_hangs_is_killed_and_replaced(images):
    """At the time limit the picture is refused and the next one is read by a new worker."""
    worker, task = await hung(images)
    began = time.monotonic()
    with pytest.raises(ImageTimeout):
        await task
    assert time.monotonic() - began < 1 * NOISY
    assert gone(worker.pid)
    assert (await images.clean(PNG)).width == 64
    assert images.worker_pid != worker.pid


@posix
@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV"])
async def test_a_worker_that_dies_over_a_picture_is_replaced(images, how):
    """A crash of a decoder refuses its picture and nothing more."""
    worker, task = await hung(images)
    os.kill(worker.pid, getattr(signal, how))
    worker.resume()
    with pytest.raises(ImageDamaged):
        await task
    assert (await images.clean(PNG)).width == 64


async def test_a_file_that_crashes_its_decoder_is_refused_like_any_damaged_one(images):
    """A length that ends pi-heif 1.4.0 by a segmentation fault costs its own picture only."""
    data = bytearray(pictures.HEIC)
    data[223:227] = b"\x7f\xff\xff\xff"
    for _ in range(2):
        with pytest.raises(ImageDamaged):
            await images.clean(data)
        assert (await images.clean(pictures.HEIC)).width == 64


async def test_a_worker_that_died_unseen_is_replaced_without_a_word(images):
    """A worker that ended between two pictures costs the next one nothing."""
    await images.clean(PNG)
    pid = images.worker_pid
    psutil.Process(pid).kill()
    assert gone(pid)
    assert (await images.clean(PNG)).width == 64


async def test_a_cancelled_picture_does_not_answer_for_the_next(images):
    """After a cancellation the next picture gets its own copies, not those left over."""
    _, task = await hung(images)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    made = await images.clean(pictures.encoded(pictures.scene(30, 20), "PNG"))
    assert (made.width, made.height) == (30, 20)


async def test_a_picture_that_needs_too_much_memory_is_refused():
    """Decoding beyond the head room ends in a refusal, and small pictures are read again."""
    images = ImageCleaner(headroom=100_000_000)
    with pytest.raises(ImageMemory):
        await images.clean(pictures.heavy_png())
    assert (await images.clean(PNG)).width == 64
    await images.aclose()


async def test_where_the_system_sets_no_limit_the_parent_does(images, monkeypatch):
    """A worker that is seen to be too large is killed while it works."""
    await images.clean(PNG)
    assert 10_000_000 < images._worker.resident() < cleaner.HEADROOM
    monkeypatch.setattr(cleaner._Worker, "resident", lambda worker: cleaner.HEADROOM + 1)
    worker, task = await hung(images)
    with pytest.raises(ImageMemory):
        await task
    assert gone(worker.pid)


async def test_the_largest_picture_allowed_fits_into_the_limits():
    """Forty million pixels with transparency are read within the time and memory allowed."""
    images = ImageCleaner()
    made = await images.clean(pictures.heavy_png())
    assert made.width == 2_048
    await images.aclose()


async def test_100_million_pixels_are_refused_within_a_second():
    """The header is enough to refuse, also when the worker has yet to start."""
    images, data = ImageCleaner(), pictures.huge_png()
    began = time.monotonic()
    with pytest.raises(ImageTooManyPixels):
        await images.clean(data)
    assert time.monotonic() - began < 1 * NOISY
    await images.aclose()


async def test_closing_ends_the_worker(images):
    """No process is left behind."""
    await images.clean(PNG)
    pid = images.worker_pid
    await images.aclose()
    assert gone(pid)
    assert images.worker_pid is None


PARENT = """
import asyncio, resource, sys
from aidoctor.imaging import ImageCleaner
import aidoctor.web.attachments

async def main():
    data, images = sys.stdin.buffer.read(), ImageCleaner()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await images.clean(data)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    decoders = {"PIL", "pi_heif"} & set(sys.modules)
    print(images.worker_pid, grown, sorted(decoders), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@posix
def test_the_parent_never_decodes_stays_small_and_takes_its_worker_along():
    """No decoder is imported by it, 19 MB cost it less than 50, and killing it ends both."""
    data = pictures.encoded(pictures.texture(2_500, 2_500), "BMP")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        parent.stdin.write(data)
        parent.stdin.close()
        pid, grown, decoders = parent.stdout.readline().decode().split(maxsplit=2)
        parent.kill()
    assert decoders.strip() == "[]"
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown) * unit < 50_000_000
    assert gone(int(pid))


ORPHAN = """
import time
import aidoctor.imaging.clean as clean
from aidoctor.imaging import worker
clean.clean = lambda data: time.sleep(60)
worker.main(1 << 30, 0.3)
"""


def test_a_worker_that_hangs_with_nobody_to_kill_it_ends_itself():
    """Its own clock ends the worker when the parent is not there to look."""
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as orphan:
        wire.send(orphan.stdin, PNG)
        assert orphan.wait(timeout=10) != 0


CONFINED = """
import sys, tempfile
from aidoctor.imaging.worker import _confine
_confine(100_000_000)
kept = bytearray(50_000_000)
try:
    bytearray(200_000_000)
except MemoryError:
    print("memory")
try:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"x")
except OSError:
    print("files")
import resource
print("core", resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit of addresses")
def test_the_worker_can_neither_grow_nor_write_files_nor_dump_its_memory():
    """The system itself holds the worker to its limits."""
    run = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, text=True)
    assert run.stdout.split("\n")[:3] == ["memory", "files", "core (0, 0)"]


def test_an_answer_that_is_no_answer_is_not_believed():
    """A worker taken over by a picture can send nonsense, which is refused and not followed."""
    for nonsense in (b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x04null", b"\0\0\0\x02{}"):
        with pytest.raises((EOFError, ValueError, LookupError, TypeError)):
            wire.receive_result(io.BytesIO(nonsense))


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """The file with some bytes changed, cut off, repeated or put in."""
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(broken))
        match chance.randrange(5):
            case 0:
                broken[at] ^= 1 << chance.randrange(8)
            case 1:
                broken[at] = chance.choice((0, 1, 127, 128, 255))
            case 2:
                del broken[max(at, 12) :]
            case 3:
                broken[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 4:
                broken[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
    return bytes(broken)


FUZZ_SECONDS = 1.5
FUZZ_SEED = 20_261_123
FUZZED = pictures.samples() | {
    "TIFF lzw": pictures.encoded(pictures.texture(40, 30), "TIFF", compression="tiff_lzw"),
    "JPEG progressive": pictures.encoded(pictures.texture(40, 30), "JPEG", progressive=True),
    "JPEG with notes": pictures.talkative()["JPEG"],
    "PNG with notes": pictures.talkative()["PNG"],
}


@pytest.mark.parametrize("form", FUZZED)
async def test_spoilt_files_are_cleaned_or_refused_and_nothing_else(form):
    """Files spoilt at random give clean copies or an `ImageError`, and sound ones still work."""
    images, chance, tried = ImageCleaner(seconds=5), random.Random(FUZZ_SEED), 0
    until = time.monotonic() + FUZZ_SECONDS
    try:
        while time.monotonic() < until:
            data = spoilt(FUZZED[form], chance)
            try:
                made = await images.clean(data)
                assert made.view.startswith(b"RIFF") and made.model.startswith(
                    (b"\x89PNG", b"\xff\xd8")
                )
            except ImageError as error:
                assert not isinstance(error, ImageTimeout), data.hex()
            tried += 1
        assert (await images.clean(PNG)).width == 64
    finally:
        await images.aclose()
    assert tried > 20
