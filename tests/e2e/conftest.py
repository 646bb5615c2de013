"""A real browser on the real page of a real program with a real, tiny model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.kit.engine import TinyModel
from tests.kit.program import Program, running

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Flags that keep the browser itself from talking to anybody."""


def chromium() -> str:
    """Where the browser is. Its absence fails a test; it never skips one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise AssertionError("The tests need Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def doctor(
    built_page: Path, tiny_model: TinyModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """The program with the tiny model in its embedded engine."""
    with running(
        tmp_path_factory.mktemp("doctor"),
        AIDOCTOR_ENGINE="llamacpp",
        AIDOCTOR_GGUF=str(tiny_model.gguf),
        AIDOCTOR_MMPROJ=str(tiny_model.mmproj),
        AIDOCTOR_THREADS="1",
    ) as program:
        yield program


@pytest.fixture
def page(browser: Browser, doctor: Program) -> Iterator[Page]:
    """A fresh tab on the empty page; no request may leave this machine."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=doctor.address)
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(doctor.address)
    page.locator(".composer textarea").wait_for()
    yield page
    context.close()
    own = (doctor.address, doctor.address.replace("http", "ws"), "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert wrong == []
