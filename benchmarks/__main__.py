"""`make bench`: a table of what was measured beside what was promised, medians of five."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.limits import LIMITS, MEMORY, SEND
from benchmarks.speed import SENDS, Bench, bench, measure, median, percentile
from tests.e2e.conftest import QUIET, chromium

RUNS = 5


def main() -> int:
    """Measure, print, and return 1 where a limit is not met."""
    measured: dict[str, list[float]] = {limit.name: [] for limit in LIMITS}
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as running:
        measured[MEMORY].append(running.program.resident_megabytes())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
            for _ in range(int(os.environ.get("RUNS", RUNS))):
                _round(browser.new_page(), running, measured)
            browser.close()
    return _print(measured)


def _round(page: Page, running: Bench, measured: dict[str, list[float]]) -> None:
    page.goto(running.program.address)
    page.locator(".composer textarea").wait_for()
    page.wait_for_timeout(1000)
    sends = [measure(page, running, 100, 10).send for _ in range(SENDS)]
    measured[SEND].append(percentile(sends, 0.95))
    for rate, tokens in ((50, 200), (200, 1000), (1000, 2000)):
        figures = measure(page, running, rate, tokens)
        for limit in LIMITS:
            if limit.rate == rate and limit.of is not None:
                measured[limit.name].append(limit.of(figures))
    page.close()


def _print(measured: dict[str, list[float]]) -> int:
    table = Table("figure", "limit", "measured", title=f"load {os.getloadavg()[0]:.1f}")
    failed = False
    for limit in LIMITS:
        value = median(measured[limit.name])
        missed = value > limit.most
        failed |= missed
        table.add_row(limit.name, f"{limit.most:g}", f"{value:.1f}{'  missed' if missed else ''}")
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
