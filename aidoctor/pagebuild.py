"""Build the page once: Reflex compiles it, Node bundles it, the result goes to `aidoctor/page/`.

`python -m aidoctor.pagebuild` in the source folder does nothing while the sources are those of
the last build. It works in `.build/page`, so the source folder stays clean, and swaps the finished
page in as a whole. Node comes from the build-only group `page`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from aidoctor.errors import AIDoctorError, PageBuildFailed
from aidoctor.launch import node_environment, reflex_environment
from aidoctor.settings import PAGE

SOURCE = Path(__file__).parent.parent
LOCK = "reflex.lock"
STAMP = PAGE / ".sources"
WORK = SOURCE / ".build" / "page"
PORT = 3000
"""Baked into the page; the server rewrites it to its own."""

INPUTS = (
    "aidoctor/ui",
    "aidoctor/aidoctor.py",
    "aidoctor/domain.py",
    "aidoctor/pagebuild.py",
    "aidoctor/setup/licence.py",
    "assets",
    "reflex.lock",
    "rxconfig.py",
)
"""What the page is made of; a change in any of them builds it again."""


def digest() -> str:
    """A fingerprint of everything that the page is made of."""
    total = hashlib.sha256()
    for file in _inputs():
        total.update(f"{file.relative_to(SOURCE).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _inputs() -> Iterator[Path]:
    for name in INPUTS:
        path = SOURCE / name
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        made = ("__pycache__", "external")  # links that Reflex puts into assets
        yield from (f for f in files if f.is_file() and not set(made) & set(f.parts))


def is_current() -> bool:
    """Whether the page was built from the sources as they are."""
    return STAMP.is_file() and STAMP.read_text() == digest()


def build() -> bool:
    """Build the page unless it is current; tell whether it was built.

    Raises `PageBuildFailed` with the end of what the build tools said.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    with FileLock(WORK / "lock"):
        if is_current():
            return False
        stamp = digest()
        _copy_inputs()
        _export()
        _swap_in(digest() if _keep_lock() else stamp)
    return True


def _copy_inputs() -> None:
    for name in ("assets", LOCK):
        shutil.rmtree(WORK / name, ignore_errors=True)
        if (SOURCE / name).is_dir():
            ignored = shutil.ignore_patterns("external")
            shutil.copytree(SOURCE / name, WORK / name, ignore=ignored)
    shutil.copy(SOURCE / "rxconfig.py", WORK)


def _export() -> None:
    environment = _environment()
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    log = WORK / "build.log"
    with log.open("w") as out:
        done = subprocess.run(
            command, cwd=WORK, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not _client().joinpath("index.html").is_file():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise PageBuildFailed(tail)


def _keep_lock() -> bool:
    """Bring what npm chose back to the source folder, to be committed; tell whether it changed."""
    made = {file.name: file.read_bytes() for file in (WORK / LOCK).iterdir()}
    (SOURCE / LOCK).mkdir(exist_ok=True)
    kept = {file.name: file.read_bytes() for file in (SOURCE / LOCK).iterdir()}
    for name, content in made.items():
        (SOURCE / LOCK / name).write_bytes(content)
    return made != kept


def _environment() -> dict[str, str]:
    """The environment of the build: ours, and of the machine's own all but Reflex's."""
    kept = {k: v for k, v in os.environ.items() if not k.lstrip("_").startswith("REFLEX_")}
    wanted = reflex_environment(PORT, WORK)
    for name in ("__REFLEX_SKIP_COMPILE", "REFLEX_BACKEND_ONLY", "REFLEX_WEB_WORKDIR"):
        del wanted[name]
    return {**kept, **wanted, **node_environment(), "PYTHONPATH": str(SOURCE)}


def _client() -> Path:
    return WORK / ".web" / "build" / "client"


def _swap_in(stamp: str) -> None:
    """Put the finished page in place; sources of components that are bundled stay behind."""
    fresh, old = WORK / "fresh", WORK / "old"
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_client(), fresh, ignore=shutil.ignore_patterns("external"))
    (fresh / STAMP.name).write_text(stamp)
    if PAGE.exists():
        PAGE.rename(old)
    fresh.rename(PAGE)
    shutil.rmtree(old, ignore_errors=True)


def main() -> int:
    """Build the page and say how it went."""
    if is_current():
        return 0
    began = time.monotonic()
    print("Building the page (once, about 30 seconds) ...", flush=True)  # noqa: T201
    try:
        build()
    except AIDoctorError as error:
        print(f"{error.what} {error.fix}\n{error.detail}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"The page is built ({time.monotonic() - began:.0f} s).", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
