"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.engine import TinyModel
from tests.kit.ollama_server import Brain, OllamaServer
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


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """The files of a tiny Gemma 3 whose replies are known in advance."""
    return TinyModel.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def brain(tiny_model: TinyModel) -> Iterator[Brain]:
    """A llama.cpp server on the tiny model."""
    server = Brain(tiny_model.gguf, tiny_model.mmproj)
    yield server
    server.close()


@pytest.fixture
def ollama_server(brain: Brain) -> Iterator[OllamaServer]:
    """An Ollama server without models, on the tiny model."""
    with OllamaServer(brain) as server:
        yield server
