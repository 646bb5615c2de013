"""The Set-up page in a real browser: terms, download, reload, cancel, the picture test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from aidoctor.setup import needs
from tests.kit.engine import TinyModel
from tests.kit.hub import Hub, serving
from tests.kit.program import Program, running

CHROMIUM = "/usr/bin/chromium"
SLOWLY = 30_000
AMOUNT = re.compile(r"[0-9.]+ [kM]B of [0-9.]+ MB")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def hub(tiny_model: TinyModel) -> Iterator[Hub]:
    """A hub that has the tiny model under the names of the real one."""
    written = (tiny_model.gguf, tiny_model.mmproj)
    files = {f.name: p.read_bytes() for f, p in zip(needs.EMBEDDED, written, strict=True)}
    with serving(b"", files=files) as hub:
        yield hub


@pytest.fixture
def fresh(built_page: Path, hub: Hub, tmp_path: Path) -> Iterator[Program]:
    """A program on a machine that has nothing yet."""
    with running(
        tmp_path,
        AIDOCTOR_OLLAMA_HOST="http://127.0.0.1:9",
        AIDOCTOR_HUB_ENDPOINT=hub.endpoint,
        AIDOCTOR_THREADS="1",
    ) as program:
        yield program


@pytest.fixture
def page(browser: Browser, fresh: Program) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{fresh.address}/setup")
    expect(page.locator("#check-engine")).to_be_visible(timeout=SLOWLY)
    yield page
    page.close()


def accept(page: Page) -> None:
    page.get_by_role("button", name="I have read and accept the terms").click()
    expect(page.locator("#terms")).to_have_count(0)


def test_from_the_first_visit_to_a_model_that_sees(page: Page, hub: Hub):
    """Terms, download, picture test: each the one thing to do, until all lines are fine."""
    download = page.get_by_role("button", name="Download")
    expect(download).to_be_disabled()
    accept(page)
    expect(page.locator("#check-licence")).to_contain_text("accepted")
    download.click()
    expect(page.locator(".job")).to_contain_text("on this machine", timeout=SLOWLY)
    expect(page.locator("#check-model")).to_have_class("check ok", timeout=SLOWLY)
    page.get_by_role("button", name="Show it a test picture").click()
    expect(page.locator(".job")).to_contain_text("saw the test picture", timeout=SLOWLY)
    expect(page.locator("#check-vision")).to_contain_text("saw the test picture")


def test_a_download_survives_a_reload_and_can_be_cancelled(page: Page, hub: Hub, fresh: Program):
    """Bytes, speed and time left are shown again after a reload; cancel keeps what is there."""
    hub.pause = 0.2
    accept(page)
    page.get_by_role("button", name="Download").click()
    figures = page.locator(".job .figures")
    expect(figures).to_contain_text(AMOUNT, timeout=SLOWLY)
    expect(figures).to_contain_text("/s")
    expect(figures).to_contain_text("left")
    page.reload()
    expect(page.locator(".job progress")).to_be_visible(timeout=SLOWLY)
    expect(page.locator(".job .figures")).to_contain_text(AMOUNT)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job")).to_contain_text("kept for the next time")
    (part,) = (fresh.folder / "data" / "models").glob("*.part")
    kept = part.stat().st_size
    assert kept > 0
    hub.pause = 0
    page.get_by_role("button", name="Download").click()
    expect(page.locator(".job")).to_contain_text("on this machine", timeout=SLOWLY)
    assert f"bytes={kept}-" in hub.asked_ranges


def test_what_goes_wrong_is_said_with_its_fix(page: Page, hub: Hub):
    """A spoilt file ends in a sentence, and the button is there again."""
    hub.sends = b"x"
    accept(page)
    page.get_by_role("button", name="Download").click()
    expect(page.locator(".job.failed")).to_contain_text("Try again", timeout=SLOWLY)
    expect(page.get_by_role("button", name="Download")).to_be_enabled()


def test_the_page_works_by_keyboard_and_on_a_small_phone(page: Page):
    """Nothing wider than 320 px, and the terms can be read and accepted without a mouse."""
    page.set_viewport_size({"width": 320, "height": 640})
    width = page.locator("html").evaluate("e => e.scrollWidth")
    assert width <= 320
    wide = page.locator(".scroll").evaluate("e => e.scrollWidth - e.clientWidth")
    assert wide <= 0
    button = page.get_by_role("button", name="I have read and accept the terms")
    page.locator("#main").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if button.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#terms")).to_have_count(0)
