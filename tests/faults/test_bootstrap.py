"""`make run` on somebody's machine: what is missing is one sentence with its fix."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SOURCE = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")


@pytest.fixture
def folder(tmp_path):
    """A fresh source folder, as far as the environment is concerned."""
    for name in ("bootstrap.py", "pyproject.toml", *LOCKS):
        shutil.copy(SOURCE / name, tmp_path)
    return tmp_path


def bootstrap(folder: Path, before: str = "", **environment: str):
    """Run bootstrap.py in `folder`, after changing the machine it sees by `before`."""
    script = f"import sys\n{before}\nimport bootstrap\nsys.exit(bootstrap.main('run'))"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_old_python_is_told_which_one_is_needed(folder):
    """Python 3.10 is named, and how to point to another."""
    done = bootstrap(folder, "sys.version_info = (3, 10, 4)")
    assert done.returncode == 1
    assert "3.11 or newer" in done.stderr
    assert "3.10" in done.stderr
    assert "PYTHON=" in done.stderr


def test_an_old_python_can_read_the_script():
    """It must get as far as saying which one is needed."""
    ast.parse((SOURCE / "bootstrap.py").read_text(), feature_version=(3, 6))


def test_a_missing_venv_module_is_named_with_its_package(folder):
    """Debian leaves it out of python3."""
    broken = folder / "broken"
    broken.mkdir()
    (broken / "venv.py").write_text("raise ImportError('No module named venv')")
    done = bootstrap(folder, PYTHONPATH=str(broken))
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / ".venv").exists()


def test_too_little_disk_is_said_before_anything_is_written(folder):
    """The figures that are needed and free."""
    little = "import shutil; shutil.disk_usage = lambda p: type('D', (), {'free': 9_000_000})"
    done = bootstrap(folder, little)
    assert done.returncode == 1
    assert "9 MB are free" in done.stderr
    assert not (folder / ".venv").exists()


def test_a_package_that_was_exchanged_is_not_installed(folder):
    """A file whose hash is not the locked one stops everything."""
    lock = (folder / "requirements.lock").read_text()
    one = re.search(r"^annotated-doc==\S+", lock, re.MULTILINE)
    assert one
    forged = f"{one[0]} \\\n    --hash=sha256:{'0' * 64}\n"
    (folder / "requirements.lock").write_text(forged)
    (folder / "requirements-build.lock").write_text("")
    done = bootstrap(folder)
    assert done.returncode == 1
    assert "differs from the one that was locked" in done.stderr
    assert not (folder / ".venv" / "installed.txt").exists()


def test_an_unreachable_registry_is_said_in_one_sentence(folder):
    """Without a network the first line says so, not a page of pip."""
    (folder / "requirements.lock").write_text(f"nothing-such==1 --hash=sha256:{'0' * 64}\n")
    (folder / "requirements-build.lock").write_text("")
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    done = bootstrap(folder, PIP_RETRIES="0", PIP_FIND_LINKS="", **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("The package registry cannot be reached")


def test_the_second_run_installs_nothing(folder):
    """What is installed is remembered, so a start costs no time, until a lock changes."""
    (folder / ".venv").mkdir()
    remember = "import bootstrap; bootstrap.note(bootstrap.fingerprint('run'), 'run')"
    subprocess.run([sys.executable, "-c", remember], cwd=folder, check=True)
    began = time.monotonic()
    assert bootstrap(folder).returncode == 0
    assert time.monotonic() - began < 2
    assert [path.name for path in (folder / ".venv").iterdir()] == ["installed.txt"]
    (folder / "requirements.lock").write_text("# another")
    no_disk = "import shutil; shutil.disk_usage = lambda p: type('D', (), {'free': 0})"
    assert "0 MB are free" in bootstrap(folder, no_disk).stderr


@pytest.mark.parametrize("name", LOCKS)
def test_locks_are_exact_and_name_no_address(name):
    """Every package has one version and hashes; where it comes from is the machine's own affair."""
    text = (SOURCE / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) >= 1
    for block in blocks:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+ ", block), block.splitlines()[0]
        assert "--hash=sha256:" in block


def test_locks_hold_everything_that_the_project_asks_for():
    """A dependency that was added without `make lock` fails here."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-build.lock": groups["build"],
        "requirements-dev.lock": [*project["project"]["dependencies"], *groups["build"]]
        + [line for line in groups["dev"] if isinstance(line, str)],
    }
    for name, lines in wanted.items():
        text = (SOURCE / name).read_text()
        locked = dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE))
        for requirement in map(Requirement, lines):
            version = locked.get(canonicalize_name(requirement.name))
            assert version, f"{requirement.name} is not in {name}"
            assert version in requirement.specifier


def test_the_lock_of_the_page_names_no_address():
    """Npm's lock is exact by hash, and says nothing about where it was made."""
    text = (SOURCE / "reflex.lock" / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert '"integrity": "sha512-' in text
