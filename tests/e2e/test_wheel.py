"""The wheel is the whole program: it runs where there is no Node and no source folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.kit.program import SOURCE, Program, clean_environment, free_port

HOSTILE = "from pathlib import Path\nPath('it-ran.txt').touch()\nraise SystemExit('hostile')\n"


def _build(source: Path, into: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", into, source]
    subprocess.run(command, check=True, capture_output=True)
    return next(into.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(built_page, tmp_path_factory) -> Path:
    """The wheel of this source folder."""
    return _build(SOURCE, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """An environment with nothing but the wheel and what it asks for; returns its `bin`."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    exact = ["--no-deps", "--require-hashes", "-r", SOURCE / "requirements.lock"]
    subprocess.run([*pip, *exact], check=True)
    subprocess.run([*pip, "--no-index", wheel], check=True)  # fails where the lock lacks something
    return programs


def test_the_wheel_holds_the_page_and_the_modelfile(wheel):
    """And nothing of the tests, the build or the sources that are already bundled."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"aidoctor/page/index.html", "aidoctor/Modelfile"} <= names
    assert any(name.startswith("aidoctor/page/assets/") and name.endswith(".js") for name in names)
    strange = ("tests/", "benchmarks/", "docs/", ".build/", "aidoctor/page/external")
    assert not [name for name in names if name.startswith(strange)]


def test_the_wheel_serves_the_page_from_a_hostile_folder_without_node(installed, tmp_path):
    """`aidoctor` anywhere, with no Node to be found, shows the page and runs nobody's rxconfig."""
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "rxconfig.py").write_text(HOSTILE)
    (hostile / "aidoctor.py").write_text(HOSTILE)
    (hostile / "aidoctor.toml").write_text('host = "0.0.0.0"')
    program = Program(tmp_path, settings={"PATH": "/nonexistent"}, command=installed / "aidoctor")
    program.start(working_folder=hostile)
    try:
        assert program.wait_for("/ping").text == '"pong"'
        with httpx.Client(base_url=program.address, trust_env=False) as client:
            page = client.get("/")
            assert page.status_code == 200
            scripts = [part.split('"')[0] for part in page.text.split('href="')[1:]]
            for script in [name for name in scripts if name.startswith("/assets/")]:
                assert client.get(script).status_code == 200
            assert client.get("/c/Ab_cd-1234").status_code == 200
    finally:
        assert program.end() == 0
    assert not (hostile / "it-ran.txt").exists()
    assert {path.name for path in hostile.iterdir()} == {
        "rxconfig.py",
        "aidoctor.py",
        "aidoctor.toml",
    }


def test_the_installed_program_finds_its_modelfile(installed):
    """The one source of the system text is there without the source folder."""
    ask = "from aidoctor.modelfile import ours; assert ours().system.strip()"
    subprocess.run([installed / "python", "-c", ask], check=True, cwd="/")


def test_installing_without_a_page_succeeds_and_says_how_to_build_it(installed, tmp_path):
    """`pip install .` of a fresh clone works; `aidoctor` then names the step that is missing."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("page", "__pycache__", "node_modules")
    shutil.copytree(SOURCE / "aidoctor", clone / "aidoctor", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "Modelfile", ".gitignore"):
        shutil.copy(SOURCE / name, clone)
    pip = [installed / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--force-reinstall", clone], check=True)
    done = subprocess.run(
        [installed / "aidoctor"],
        cwd=tmp_path,
        env=clean_environment(tmp_path, free_port()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "make page" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
