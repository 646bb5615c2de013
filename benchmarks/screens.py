"""`make screens`: the pictures of the documentation, taken from the running program.

The answers are written down beforehand; everything else is as a person sees it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.speed import Bench, bench
from tests.e2e.conftest import QUIET, chromium

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
QUESTION = "I have had a headache behind one eye since Monday. What could it be?"
WIDE, PHONE = (1200, 800), (390, 844)


def main() -> None:
    """Take every picture anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        bench(Path(folder)) as running,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        _conversation(browser, running)
        for name in ("setup", "settings", "about"):
            _take(_page(browser, running, f"/{name}", WIDE), name)
        browser.close()


def _conversation(browser: Browser, running: Bench) -> None:
    page = _page(browser, running, "/", WIDE)
    _take(page, "empty")
    page.locator(".composer textarea").fill(QUESTION)
    page.locator(".composer textarea").press("Enter")
    page.locator(".answer-text", has_text="trouble speaking").wait_for()
    page.get_by_role("button", name="Send (Enter)").wait_for()
    _take(page, "conversation")
    path = page.url.removeprefix(running.program.address)
    _take(_page(browser, running, path, WIDE, "dark"), "dark")
    _take(_page(browser, running, path, PHONE), "phone")


def _page(
    browser: Browser, running: Bench, path: str, size: tuple[int, int], scheme: str = "light"
) -> Page:
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(running.program.address + path)
    page.locator("h1").first.wait_for()
    return page


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(1200)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
