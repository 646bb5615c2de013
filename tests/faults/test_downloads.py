"""Downloads against hubs that stall, cut and lie: a file is whole and verified, or absent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from aidoctor.domain import PullProgress
from aidoctor.errors import (
    AIDoctorError,
    DownloadBroken,
    DownloadCorrupt,
    DownloadElsewhere,
    DownloadNoRoom,
    DownloadStalled,
    DownloadUnverifiable,
    HubDown,
    HubRefused,
)
from aidoctor.setup import downloads
from aidoctor.setup.needs import HubFile
from tests.kit.hub import COMMIT, Hub, serving

NAME = "model-Q4.gguf"
FILES = (HubFile("someone/model-GGUF", NAME, 0),)
CONTENT = bytes(range(256)) * 4096 * 3  # 3 MiB


async def bring(hub: Hub, folder: Path, stalled_after: float = 20.0) -> list[PullProgress]:
    told = downloads.download(FILES, folder, hub.endpoint, stalled_after=stalled_after)
    return [progress async for progress in told]


async def fails(hub: Hub, folder: Path, error: type[AIDoctorError], **more: float) -> None:
    """It ends in exactly this error, and no file stands under the model's name."""
    with pytest.raises(error) as caught:
        await bring(hub, folder, **more)
    assert type(caught.value) is error
    assert not (folder / NAME).exists()


def models(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.gguf")}


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("*.part"))


async def test_a_good_hub_gives_the_whole_file_and_the_progress_of_it(tmp_path: Path):
    """Bytes rise to the announced total, nothing else is left behind."""
    with serving(CONTENT, pause=0.02) as hub:
        told = await bring(hub, tmp_path / "models")
    assert (tmp_path / "models" / NAME).read_bytes() == CONTENT
    amounts = [progress.done for progress in told if progress.step.startswith("Downloading")]
    assert len(amounts) >= 3
    assert amounts == sorted(amounts)
    assert told[-1] == PullProgress(f"Checking {NAME}", len(CONTENT), len(CONTENT))
    assert not parts(tmp_path / "models")


async def test_no_token_no_telemetry_no_other_address(tmp_path: Path, monkeypatch):
    """Only the file is asked for, by its commit, without naming the person or the machine."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, "hf_secret")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(CONTENT) as hub:
        await bring(hub, tmp_path)
    asked = [(method, path) for method, path, _ in hub.seen]
    assert asked == [
        ("HEAD", f"/someone/model-GGUF/resolve/main/{NAME}"),
        ("GET", f"/someone/model-GGUF/resolve/{COMMIT}/{NAME}"),
        ("GET", f"/cdn/{hub.sha256}"),
    ]
    for _, _, headers in hub.seen:
        assert not {"authorization", "cookie"} & set(headers)
        assert "secret" not in str(headers)
        assert "agent/" not in headers["user-agent"]


async def test_several_files_share_one_progress(tmp_path: Path):
    """The total is that of all files, and the second goes on where the first ended."""
    files = (*FILES, HubFile("someone/model-GGUF", "mmproj-F16.gguf", 0))
    with serving(CONTENT) as hub:
        told = [p async for p in downloads.download(files, tmp_path, hub.endpoint)]
    assert told[-1] == PullProgress("Checking mmproj-F16.gguf", 2 * len(CONTENT), 2 * len(CONTENT))
    assert models(tmp_path) == {NAME, "mmproj-F16.gguf"}


async def test_what_is_there_and_right_is_not_fetched_again(tmp_path: Path):
    """A second run checks the digest and asks for no bytes."""
    (tmp_path / NAME).write_bytes(CONTENT)
    with serving(CONTENT) as hub:
        await bring(hub, tmp_path)
    assert hub.asked_ranges == []


async def test_what_is_there_and_damaged_is_replaced(tmp_path: Path):
    """Downloading again repairs a file that has the right size and wrong bytes."""
    (tmp_path / NAME).write_bytes(b"x" * len(CONTENT))
    with serving(CONTENT) as hub:
        await bring(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


async def test_a_body_cut_in_the_middle_is_resumed(tmp_path: Path):
    """Every further request asks only for the rest."""
    with serving(CONTENT, cut_after=1024 * 1024, cuts=2) as hub:
        await bring(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    starts = [int(asked.removeprefix("bytes=").rstrip("-") or 0) for asked in hub.asked_ranges]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert len(starts) == 3


async def test_a_cancelled_download_goes_on_where_it_stopped(tmp_path: Path):
    """Closing ends the transfer at once, keeps the bytes, and the next one asks for the rest."""
    with serving(CONTENT, pause=0.05) as hub:
        async with aclosing(downloads.download(FILES, tmp_path, hub.endpoint)) as told:
            async for progress in told:
                if progress.done > len(CONTENT) // 4:
                    break
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1
        (part,) = parts(tmp_path)
        kept = part.stat().st_size
        assert kept > 0
        assert not (tmp_path / NAME).exists()
        hub.pause = 0
        await bring(hub, tmp_path)
        assert hub.asked_ranges[-1] == f"bytes={kept}-"
    assert (tmp_path / NAME).read_bytes() == CONTENT


async def test_a_hub_that_refuses_ranges_starts_over_and_still_ends_well(tmp_path: Path):
    """A full body in answer to a range replaces what was there."""
    with serving(CONTENT, ranges=False, cut_after=1024 * 1024, cuts=1) as hub:
        await bring(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


async def test_a_stalled_hub_is_noticed(tmp_path: Path):
    """Silence ends in its own error and the bytes are kept."""
    with serving(CONTENT, stall_after=1024 * 1024) as hub:
        await fails(hub, tmp_path, DownloadStalled, stalled_after=3.0)
    assert parts(tmp_path)[0].stat().st_size > 0


async def test_a_hub_that_fails_without_end_is_given_up(tmp_path: Path):
    """No progress between failures: an end, not a loop."""
    with serving(CONTENT, fail_gets=10**9) as hub:
        await fails(hub, tmp_path, HubDown, stalled_after=30.0)


async def test_wrong_bytes_are_thrown_away(tmp_path: Path):
    """Right length, wrong digest: neither the file nor the part remains."""
    with serving(CONTENT, sends=b"x" * len(CONTENT)) as hub:
        await fails(hub, tmp_path, DownloadCorrupt)
    assert not parts(tmp_path)


async def test_a_spoilt_part_is_found_and_the_next_time_starts_anew(tmp_path: Path):
    """Bytes that went bad on the disk do not survive the check."""
    with serving(CONTENT) as hub:
        part = tmp_path / f".{NAME}.{hub.sha256[:16]}.part"
        part.write_bytes(b"x" * 1000)
        await fails(hub, tmp_path, DownloadCorrupt)
        await bring(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


async def test_a_body_longer_than_announced_is_cut_off(tmp_path: Path):
    """A hub cannot fill the disk with more than it announced."""
    with serving(CONTENT, sends=CONTENT * 40) as hub:
        await fails(hub, tmp_path, DownloadCorrupt)
    assert not parts(tmp_path)


async def test_a_body_shorter_than_announced_never_counts_as_whole(tmp_path: Path):
    """The announced size is what is waited for; then the download is given up."""
    with serving(CONTENT, sends=CONTENT[: len(CONTENT) // 2]) as hub:
        await fails(hub, tmp_path, DownloadBroken)


async def test_an_announced_size_that_is_wrong_fails(tmp_path: Path):
    """Neither too small nor too large an announcement lets a file through."""
    with serving(CONTENT, announced_size=len(CONTENT) - 5) as hub:
        await fails(hub, tmp_path, DownloadCorrupt)


@pytest.mark.parametrize("announce", [None, "deadbeef", "g" * 64])
async def test_without_a_digest_nothing_is_fetched(tmp_path: Path, announce: str | None):
    """A server that does not say what the file must be is not trusted with one byte."""
    with serving(CONTENT, announce=announce) as hub:
        await fails(hub, tmp_path, DownloadUnverifiable)
    assert hub.asked_ranges == []


@pytest.mark.parametrize("endpoint", ["http://hub.example", "ftp://hub.example", "hub.example"])
async def test_an_announcement_over_an_open_line_is_not_trusted(tmp_path: Path, endpoint: str):
    """The digest counts only where nobody on the way can change it."""
    with pytest.raises(DownloadUnverifiable):
        async for _ in downloads.download(FILES, tmp_path, endpoint):
            pass


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_is_said_at_once(tmp_path: Path, status: int):
    """A file that is gone or gated is not asked for again and again."""
    with serving(CONTENT, status=status) as hub:
        await fails(hub, tmp_path, HubRefused)
    assert len(hub.seen) == 1


async def test_a_hub_that_stumbles_is_asked_again(tmp_path: Path):
    """500 and then fine, for the question and for the bytes."""
    with serving(CONTENT, fail_heads=1, fail_gets=1) as hub:
        await bring(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


async def test_no_hub_at_all_is_said_in_time(tmp_path: Path):
    """Without a network the person reads so within seconds."""
    with serving(CONTENT) as hub:
        pass
    async with asyncio.timeout(20):
        await fails(hub, tmp_path, HubDown)


async def test_a_disk_without_room_is_said_before_the_first_byte(tmp_path: Path):
    """An announced size beyond the disk fetches nothing."""
    with serving(CONTENT, announced_size=10**16) as hub:
        await fails(hub, tmp_path, DownloadNoRoom)
    assert hub.asked_ranges == []


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
async def test_a_disk_that_fills_up_on_the_way_is_said_and_the_rest_kept(tmp_path: Path):
    """The system's refusal to write more becomes the same error."""
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "from aidoctor.setup import fetch; fetch.main()"
    )
    with serving(CONTENT) as hub:
        order = f'{{"endpoint": "{hub.endpoint}", "folder": "{tmp_path}", '
        order += f'"files": [["{FILES[0].repo}", "{NAME}"]]}}\n'
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=-1, stdout=-1, stderr=-1
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(order.encode())
        said = await process.stdout.read()
        await process.wait()
    assert said.splitlines()[-1] == b'{"error": "download-no-room"}'
    assert parts(tmp_path)[0].stat().st_size == 1_000_000


async def test_two_downloads_of_one_model_do_not_meet(tmp_path: Path):
    """The second one says that the first is running and leaves its bytes alone."""
    with serving(CONTENT, pause=0.05) as hub:
        async with aclosing(downloads.download(FILES, tmp_path, hub.endpoint)) as first:
            async for progress in first:
                if progress.done:
                    break
            with pytest.raises(DownloadElsewhere):
                await bring(hub, tmp_path)
            last = [progress async for progress in first][-1]
    assert last.done == len(CONTENT)
    assert (tmp_path / NAME).read_bytes() == CONTENT


async def test_an_older_version_is_not_mixed_into_a_newer_one(tmp_path: Path):
    """What arrived of another digest is dropped."""
    old = tmp_path / f".{NAME}.{'0' * 16}.part"
    old.write_bytes(b"old")
    with serving(CONTENT) as hub:
        await bring(hub, tmp_path)
        assert hub.asked_ranges == [""]
    assert not old.exists()


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
async def test_the_download_ends_with_the_process_that_asked_for_it(tmp_path: Path):
    """After a kill -9 of the parent no process goes on downloading."""
    with serving(CONTENT, pause=0.1) as hub:
        program = (
            "import asyncio, sys; from pathlib import Path;"
            "from aidoctor.setup import downloads; from aidoctor.setup.needs import HubFile\n"
            "async def main():\n"
            f"    files = [HubFile('a/b', '{NAME}', 0)]\n"
            f"    folder = Path(r'{tmp_path}')\n"
            f"    async for p in downloads.download(files, folder, '{hub.endpoint}'):\n"
            "        print(p.done, flush=True)\n"
            "asyncio.run(main())"
        )
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=-1)
        assert parent.stdout
        while int(await parent.stdout.readline()) == 0:
            pass
        parent.send_signal(signal.SIGKILL)
        await parent.wait()
        await asyncio.sleep(0.5)
        size = parts(tmp_path)[0].stat().st_size
        await asyncio.sleep(1)
        assert parts(tmp_path)[0].stat().st_size == size < len(CONTENT)


async def test_a_module_in_the_working_folder_is_not_run(tmp_path: Path, monkeypatch):
    """The download process does not import from the folder where it was started."""
    (tmp_path / "aidoctor.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with serving(CONTENT) as hub:
        await bring(hub, tmp_path / "models")
    assert (tmp_path / "models" / NAME).read_bytes() == CONTENT
