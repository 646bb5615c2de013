"""`reflex run` works from a source folder, and opens no door that `aidoctor` keeps shut."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.kit.program import SOURCE, Program, clean_environment, free_port, handshake

MADE = {".web", ".states"}
"""What Reflex makes in the source folder; both are ignored by git."""


class Development(Program):
    """`reflex run` in `folder / "source"`; `port` is that of the application."""

    page_port: int

    def start(self, working_folder: Path | None = None) -> Program:
        self.page_port = free_port()
        ports = ["--frontend-port", str(self.page_port), "--backend-port", str(self.port)]
        with (self.folder / "said.txt").open("ab") as said:
            self.process = subprocess.Popen(
                [Path(sys.executable).parent / "reflex", "run", *ports],
                cwd=self.folder / "source",
                env=clean_environment(self.folder, self.port),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def end(self, how: int = signal.SIGTERM, seconds: float = 10) -> int:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(seconds)

    def listening(self, port: int) -> set[str]:
        """The addresses on which the process or a child of it listens."""
        processes = [child := psutil.Process(self.process.pid), *child.children(recursive=True)]
        ends = [c.laddr for p in processes for c in p.net_connections() if c.status == "LISTEN"]
        return {end.ip for end in ends if end.port == port}


@pytest.fixture(scope="module")
def development(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    folder = tmp_path_factory.mktemp("development")
    source = folder / "source"
    source.mkdir()
    for name in ("aidoctor", "assets", "reflex.lock"):
        ignored = shutil.ignore_patterns("page", "external", "__pycache__")
        shutil.copytree(SOURCE / name, source / name, ignore=ignored)
    for name in ("rxconfig.py", "Modelfile", "pyproject.toml", ".gitignore"):
        shutil.copy(SOURCE / name, source)
    run = Development(folder)
    run.start()
    try:
        run.wait_for("/ping", seconds=120)
        yield run
    finally:
        run.end()


def test_the_page_is_served_and_knows_its_application(development):
    """Two ports: the page on one names the application on the other."""
    page = httpx.get(f"http://localhost:{development.page_port}/", timeout=60, trust_env=False)
    assert page.status_code == 200
    told = (development.folder / "source" / ".web" / "env.json").read_text()
    assert f":{development.port}/_event" in told


def test_the_application_listens_on_loopback_alone(development):
    """The network reaches neither data nor socket."""
    assert development.listening(development.port) == {"127.0.0.1"}


def test_its_own_page_is_admitted(development):
    """Across the two ports, by either name of this machine."""
    for host in ("localhost", "127.0.0.1"):
        origin = f"http://{host}:{development.page_port}"
        answer = httpx.get(development.address + "/ping", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert handshake(development.port, origin=origin) == 101


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", None])
def test_no_other_page_is_admitted(development, origin):
    """Reflex alone would let any page open the socket and read what people wrote."""
    assert handshake(development.port, origin=origin) == 403
    if origin is not None:
        answer = httpx.post(development.address + "/api/attachments", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


def test_no_other_host_is_admitted(development):
    """Nor would it mind a name that an attacker points here."""
    answer = httpx.get(development.address + "/ping", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    own = f"http://localhost:{development.page_port}"
    assert handshake(development.port, host="evil.example", origin=own) == 403


def test_states_are_not_written_to_disk(development):
    """Reflex's default would pickle each tab's state into the source folder."""
    source = development.folder / "source"
    assert not list(source.rglob("*.pkl"))
    assert not list((source / ".states").rglob("*")) or not (source / ".states").exists()


def test_the_source_folder_stays_clean(development):
    """Nothing is made or changed that git would show."""
    source = development.folder / "source"
    made = {path.name for path in source.iterdir()} - MADE
    given = {"aidoctor", "assets", "reflex.lock", "rxconfig.py", "Modelfile", "pyproject.toml"}
    assert made == given | {".gitignore"}
    for name in (".gitignore", "reflex.lock/package.json", "reflex.lock/package-lock.json"):
        assert (source / name).read_bytes() == (SOURCE / name).read_bytes()
