"""How long words take from the engine to the eye, measured on the real page.

One clock: CLOCK_MONOTONIC. The browser's clock is mapped to it by the tightest of forty round
trips. "Visible" is the first animation frame after the text is in the page.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import CDPSession, Page

from tests.kit.program import Program, free_port, running

SENDS = 20
"""Messages from which the figure of sending is taken."""

WATCH = """() => {
  window.__frames = []; window.__tasks = [];
  let last = 0;
  const before = document.querySelectorAll(".answer").length;
  const look = () => {
    const all = document.querySelectorAll(".answer");
    const text = all.length > before ? all[all.length - 1].textContent : "";
    const marks = text.slice(-400).match(/w\\d{5}/g);
    const mark = marks ? Number(marks[marks.length - 1].slice(1)) : 0;
    if (mark > last) { window.__frames.push([performance.now(), mark]); last = mark; }
    window.__raf = requestAnimationFrame(look);
  };
  cancelAnimationFrame(window.__raf); requestAnimationFrame(look);
  if (!window.__watched) {
    window.__watched = true;
    const note = (e) => { if (e.key === "Enter") window.__sent = performance.now(); };
    addEventListener("keydown", note, true);
    new PerformanceObserver((l) => l.getEntries().forEach((e) => window.__tasks.push(e.duration)))
      .observe({ type: "longtask" });
  }
}"""


@dataclass(frozen=True)
class Figures:
    """One answer, measured. Times in milliseconds unless named otherwise."""

    send: float
    delays: list[float]
    wire_ratio: float
    main_thread_seconds: float
    longest_task: float
    server_cpu_seconds: float

    def percentile(self, part: float) -> float:
        """The delay that `part` of the tokens do not exceed."""
        return percentile(self.delays, part)


@dataclass
class Bench:
    """The program with a scripted engine."""

    program: Program
    engine: str
    """Address of the scripted engine."""

    def stamps(self) -> list[dict[str, object]]:
        """What the engine noted since it was last asked."""
        notes: list[dict[str, object]] = httpx.get(f"{self.engine}/stamps", trust_env=False).json()
        return notes


@contextmanager
def bench(folder: Path, **settings: str) -> Iterator[Bench]:
    """Start both processes, each with an empty folder."""
    port = free_port()
    engine = subprocess.Popen([sys.executable, "-m", "tests.kit.scripted_server", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        with running(
            folder,
            AIDOCTOR_ENGINE="openai",
            AIDOCTOR_OPENAI_BASE_URL=f"{address}/v1",
            AIDOCTOR_MODEL="scripted",
            AIDOCTOR_ANSWER_TOKENS="16",
            AIDOCTOR_PARALLEL_ANSWERS="5",
            **settings,
        ) as program:
            yield Bench(program, address)
    finally:
        engine.terminate()
        engine.wait(5)


def clock_offset(page: Page) -> float:
    """Seconds to add to the page's performance.now() / 1000 to get CLOCK_MONOTONIC."""
    best = (1.0, 0.0)
    for _ in range(40):
        before = time.monotonic()
        now = page.evaluate("performance.now()") / 1000
        after = time.monotonic()
        best = min(best, (after - before, (before + after) / 2 - now))
    return best[1]


def measure(page: Page, bench: Bench, rate: int, tokens: int) -> Figures:
    """Ask for one answer on the page as it stands and watch it arrive."""
    cdp = page.context.new_cdp_session(page)
    wire = _Wire(cdp)
    cdp.send("Performance.enable")
    offset = clock_offset(page)
    page.evaluate(WATCH)
    process = psutil.Process(bench.program.process.pid)
    bench.stamps()
    busy, cpu = _main_thread(cdp), sum(process.cpu_times()[:2])
    answer = page.locator(".answer").nth(page.locator(".answer").count())
    box = page.locator(".composer textarea")
    box.fill(f"{rate} {tokens}")
    wire.total = 0
    box.press("Enter")
    time.sleep(tokens / rate)
    last = f"w{tokens:05d}"
    answer.get_by_text(re.compile(last)).first.wait_for()
    page.get_by_role("button", name="Send (Enter)").wait_for()
    busy, cpu = _main_thread(cdp) - busy, sum(process.cpu_times()[:2]) - cpu
    frames, sent, tasks = page.evaluate("[window.__frames, window.__sent, window.__tasks]")
    (note,) = bench.stamps()
    return Figures(
        send=1000 * (float(note["asked"]) - (sent / 1000 + offset)),  # type: ignore[arg-type]
        delays=_delays(note["written"], [(at / 1000 + offset, mark) for at, mark in frames]),  # type: ignore[arg-type]
        wire_ratio=wire.total / _length(tokens),
        main_thread_seconds=busy,
        longest_task=max(tasks, default=0.0),
        server_cpu_seconds=cpu,
    )


class _Wire:
    """Bytes that reach the page, by request and by socket."""

    def __init__(self, cdp: CDPSession) -> None:
        self.total = 0
        cdp.on("Network.dataReceived", self._data)
        cdp.on("Network.webSocketFrameReceived", self._frame)
        cdp.send("Network.enable")

    def _data(self, event: dict[str, int]) -> None:
        self.total += event["encodedDataLength"] or event["dataLength"]

    def _frame(self, event: dict[str, dict[str, str]]) -> None:
        self.total += len(event["response"]["payloadData"].encode()) + 4


def _main_thread(cdp: CDPSession) -> float:
    metrics = cdp.send("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


def _delays(written: list[float], frames: list[tuple[float, int]]) -> list[float]:
    """For each token the milliseconds until the first frame that shows it or a later one."""
    delays, frame = [], 0
    for number, at in enumerate(written, start=1):
        while frame < len(frames) - 1 and frames[frame][1] < number:
            frame += 1
        delays.append(1000 * (frames[frame][0] - at))
    return delays


def _length(tokens: int) -> int:
    from tests.kit.scripted_server import word

    return sum(len(word(number)) for number in range(1, tokens + 1))


def percentile(values: list[float], part: float) -> float:
    """The value that `part` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def median(values: list[float]) -> float:
    """The middle of several runs."""
    return statistics.median(values)
