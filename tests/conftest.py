"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.program import Program, running


@pytest.fixture(scope="session")
def built_page() -> Path:
    """The page, built from the sources as they are."""
    from aidoctor import pagebuild

    pagebuild.build()
    return pagebuild.PAGE


@pytest.fixture(scope="module")
def program(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A running program with an empty data folder."""
    with running(tmp_path_factory.mktemp("program")) as started:
        yield started
