"""A process of its own that fetches model files from the hub: `python -m aidoctor.setup.fetch`.

`huggingface_hub` moves the bytes: it follows the hub's redirects, retries, and resumes by range.
Its own `hf_hub_download` throws away what has arrived when it ends early and compares no digest,
so the partial file, the SHA-256 and the rename are ours. As a process it can be ended at any
moment, and the library's memory and settings stay out of the server.

In: one JSON line `{"endpoint", "folder", "files": [[repo, name], ...]}`; when the input closes,
the process ends. Out: JSON lines `{"step": "fetch" | "check", "name", "done", "total"}`, in bytes
over all files, and last `{"end": true}` or `{"error": code}`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from filelock import FileLock, Timeout

from aidoctor.errors import (
    AIDoctorError,
    DownloadBroken,
    DownloadCorrupt,
    DownloadElsewhere,
    DownloadNoRoom,
    DownloadUnverifiable,
    HubDown,
    HubRefused,
    SetupError,
)

PIECE = 128 * 1024
"""Bytes between two signs of life."""
TRIES = 4
"""Failures in a row, without a byte between them, before giving up."""
RESERVE = 256 * 1024 * 1024
"""Bytes of disk left alone."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a file cannot grow."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Announced:
    """What the hub says of a file."""

    name: str
    url: str
    sha256: str
    size: int


class Report:
    """Progress over all files, a few lines a second."""

    def __init__(self) -> None:
        self.before = 0
        """Bytes of the files that are finished."""
        self.total = 0
        self._next = 0.0

    def tell(self, step: str, name: str, done: int, *, now: bool = False) -> None:
        """Say that `done` bytes of `name` are fetched or checked."""
        if now or time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            done += self.before
            _say({"step": step, "name": name, "done": done, "total": self.total})


class Bar:
    """What the library takes for a progress bar."""

    def __init__(self, file: Announced, report: Report, *, initial: int = 0, **_: Any) -> None:
        self._file, self._report, self._done = file, report, initial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, count: int) -> None:
        """`count` more bytes are here. Raises `DownloadCorrupt` where they are too many."""
        self._done += count
        if self._done > self._file.size:
            raise DownloadCorrupt
        self._report.tell("fetch", self._file.name, self._done)


def main() -> None:
    """Do what the first line of the input asks, and say how it ended."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _prepare_library()
    try:
        fetch(order["endpoint"], Path(order["folder"]), order["files"])
        _say({"end": True})
    except AIDoctorError as error:
        _say({"error": error.code})
    except OSError as error:
        _say({"error": (DownloadNoRoom if error.errno in FULL else SetupError).code})


def fetch(endpoint: str, folder: Path, files: list[tuple[str, str]]) -> None:
    """Bring `files` (repository, name) into `folder`, each whole and verified or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".download.lock", timeout=0):
            announced = [_ask(endpoint, repo, name) for repo, name in files]
            report = Report()
            report.total = sum(file.size for file in announced)
            for file in announced:
                _bring(file, folder, report)
                report.before += file.size
    except Timeout:
        raise DownloadElsewhere from None


def _prepare_library() -> None:
    """Set the library up before it is imported: no telemetry, no token, no surprises.

    Proxies of the environment are used, since many networks have no other way out, but not for
    an endpoint on this machine.
    """
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "TRANSF"))]:
        del os.environ[name]
    for name in ("TELEMETRY", "IMPLICIT_TOKEN", "XET", "UPDATE_CHECK"):
        os.environ[f"HF_HUB_DISABLE_{name}"] = "1"
    for name in ("NO_PROXY", "no_proxy"):
        kept = os.environ.get(name)
        os.environ[name] = ",".join(filter(None, (kept, "127.0.0.1", "localhost", "::1")))
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = PIECE


def _ask(endpoint: str, repo: str, name: str) -> Announced:
    """Ask the hub what the file must be. Raises `DownloadUnverifiable` where it does not say."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    said = _patiently(
        lambda: get_hf_file_metadata(hf_hub_url(repo, name, endpoint=endpoint), token=False)
    )
    sha256 = (said.etag or "").lower()
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef") or not said.size:
        raise DownloadUnverifiable
    url = hf_hub_url(repo, name, revision=said.commit_hash, endpoint=endpoint)
    return Announced(name, url, sha256, said.size)


def _bring(file: Announced, folder: Path, report: Report) -> None:
    target = folder / file.name
    if _is_whole(target, file, report):
        return
    part = folder / f".{file.name}.{file.sha256[:16]}.part"
    _forget_others(part, file)
    _check_room(part, file)
    try:
        _transfer(file, part, report)
        if not _is_whole(part, file, report):
            raise DownloadCorrupt
    except DownloadCorrupt:
        part.unlink(missing_ok=True)
        raise
    _put_in_place(part, target)


def _transfer(file: Announced, part: Path, report: Report) -> None:
    """Append to `part` until it has the announced size; what breaks off is resumed."""
    from huggingface_hub.file_download import http_get

    bar = partial(Bar, file, report)
    headers = {"user-agent": "aidoctor", "accept-encoding": "identity"}

    def go_on() -> None:
        have = _size(part)
        with part.open("r+b" if have else "wb") as sink:
            sink.seek(have)
            http_get(
                file.url,
                sink,
                resume_size=have,
                headers=headers,
                expected_size=file.size,
                tqdm_class=bar,  # type: ignore[arg-type]
            )

    _patiently(go_on, progress=lambda: _size(part))


def _patiently(act: Callable[[], T], progress: Callable[[], int] = lambda: 0) -> T:
    """Try again after what may pass, as long as `progress` grows now and then.

    Raises `HubRefused`, `HubDown` or `DownloadBroken`.
    """
    failures, best = 0, progress()
    while True:
        try:
            return act()
        except OSError as error:
            ours = _meaning(error)
        except Exception as error:
            if not _is_transport(error):
                raise
            ours = HubDown()
        failures, best = (1, progress()) if progress() > best else (failures + 1, best)
        if failures >= TRIES or isinstance(ours, HubRefused):
            raise (DownloadBroken() if best else ours) from None
        time.sleep(2 ** (failures - 1))


def _meaning(error: OSError) -> SetupError:
    """What an error of the library means; errors of the disk are raised again."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return HubDown() if status >= 500 or status in (408, 429) else HubRefused()
    if error.errno is None:  # the library's word for a body that ended early
        return DownloadBroken()
    raise error


def _is_transport(error: Exception) -> bool:
    import httpx2

    return isinstance(error, httpx2.TransportError)


def _is_whole(path: Path, file: Announced, report: Report) -> bool:
    """Whether `path` has the announced size and digest."""
    if _size(path) != file.size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as source:
        for done, piece in _pieces(source.read):
            digest.update(piece)
            report.tell("check", file.name, done, now=done == file.size)
    return digest.hexdigest() == file.sha256


def _pieces(read: Callable[[int], bytes]) -> Iterator[tuple[int, bytes]]:
    done = 0
    while piece := read(1024 * 1024):
        done += len(piece)
        yield done, piece


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _forget_others(part: Path, file: Announced) -> None:
    """Drop what arrived of other versions, and more than there can be of this one."""
    for other in part.parent.glob(f".{file.name}.*.part"):
        if other != part or _size(other) > file.size:
            other.unlink()


def _check_room(part: Path, file: Announced) -> None:
    missing = file.size - _size(part)
    if shutil.disk_usage(part.parent).free < missing + RESERVE:
        raise DownloadNoRoom


def _put_in_place(part: Path, target: Path) -> None:
    """Rename so that a crash leaves the whole file or none."""
    with part.open("r+b") as source:
        os.fsync(source.fileno())
    part.replace(target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
