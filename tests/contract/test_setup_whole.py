"""Set-up as a person runs it: the command line, a hub, the real engines, from nothing to ready."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aidoctor.setup import needs
from tests.kit import tiny_gguf
from tests.kit.hub import Hub, serving


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that has the tiny model under the names of the real one."""
    written = tiny_gguf.write(tmp_path_factory.mktemp("tiny"))
    names = [file.name for file in needs.EMBEDDED]
    files = {name: path.read_bytes() for name, path in zip(names, written, strict=True)}
    with serving(b"", files=files) as hub:
        yield hub


@pytest.fixture
def environment(hub: Hub, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIDOCTOR_")}
    return kept | {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "AIDOCTOR_DATA_DIR": str(tmp_path / "data"),
        "AIDOCTOR_OLLAMA_HOST": "http://127.0.0.1:9",
        "AIDOCTOR_HUB_ENDPOINT": hub.endpoint,
        "AIDOCTOR_THREADS": "1",
    }


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aidoctor", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def doctor(environment: dict[str, str]) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit status and the checks by their id, the page left out: it is built elsewhere."""
    ended = run(environment, "doctor", "--json")
    report = json.loads(ended.stdout)
    assert set(report) == {"healthy", "checks"}
    assert report["healthy"] is (ended.returncode == 0)
    return ended.returncode, {check["id"]: check for check in report["checks"]}


def test_from_nothing_to_a_model_that_sees(environment: dict[str, str], tmp_path: Path):
    """One command fetches the model, verifies it, starts it and tests its eyes."""
    status, before = doctor(environment)
    assert status == 1
    assert before["engine"]["action"] == "download"
    assert set(before["engine"]) == {"id", "title", "state", "sentence", "fix", "command", "action"}
    assert not (tmp_path / "data").exists()
    ended = run(environment, "setup", "--accept-licence")
    assert "The model saw the test picture." in ended.stdout, ended.stderr
    _, after = doctor(environment)
    assert {after[name]["state"] for name in ("licence", "engine", "model", "vision")} == {"ok"}
    assert (tmp_path / "data" / "models").stat().st_mode & 0o077 == 0
    second = run(environment, "setup")
    assert second.returncode == ended.returncode
    assert "Downloading" not in second.stderr


def test_without_the_terms_nothing_is_fetched(
    environment: dict[str, str], tmp_path: Path, hub: Hub
):
    """No terminal to ask in and no flag: the terms are shown, and that is all."""
    asked = len(hub.seen)
    ended = run(environment, "setup")
    assert ended.returncode == 1
    assert "developers.google.com/health-ai-developer-foundations/terms" in ended.stdout
    assert "--accept-licence" in ended.stderr
    assert len(hub.seen) == asked
    assert not (tmp_path / "data" / "models").exists()


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_stops_the_download_and_the_next_time_goes_on(
    environment: dict[str, str], tmp_path: Path, hub: Hub
):
    """The bytes that have arrived are kept, and no more than the rest is asked for."""
    hub.pause = 0.05
    models = tmp_path / "data" / "models"
    words = [sys.executable, "-m", "aidoctor", "setup", "--accept-licence", "--no-picture-test"]
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    deadline = time.monotonic() + 30
    while sum(part.stat().st_size for part in models.glob("*.part")) < 500_000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    hub.pause = 0
    assert process.returncode == 130
    assert "kept" in said
    (part,) = models.glob("*.part")
    kept = part.stat().st_size
    run(environment, "setup", "--no-picture-test")
    assert f"bytes={kept}-" in hub.asked_ranges
    assert len(list(models.glob("*.gguf"))) == 2


def test_a_setting_that_is_wrong_is_the_first_thing_doctor_says(environment: dict[str, str]):
    """Status 1 and the name of the setting, no traceback."""
    environment["AIDOCTOR_PORT"] = "many"
    status, found = doctor(environment)
    assert status == 1
    assert "port" in (found["settings"]["sentence"] + found["settings"]["fix"]).lower()
    assert set(found) == {"settings"}
