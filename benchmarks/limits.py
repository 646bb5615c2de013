"""What is promised, each figure once; the bench prints it, the tests gate it at twice the limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.speed import Figures


@dataclass(frozen=True)
class Limit:
    """One figure: how it is read off an answer at `rate` tokens per second, and its most."""

    name: str
    most: float
    rate: int = 0
    of: Callable[[Figures], float] | None = None


SEND = "send to engine, p95 ms"
MEMORY = "memory before any model, MB"

LIMITS = (
    Limit(SEND, 30),
    Limit("token visible at 50/s, p50 ms", 14, 50, lambda f: f.percentile(0.50)),
    Limit("token visible at 50/s, p95 ms", 24, 50, lambda f: f.percentile(0.95)),
    Limit("token visible at 200/s, p50 ms", 18, 200, lambda f: f.percentile(0.50)),
    Limit("token visible at 200/s, p95 ms", 36, 200, lambda f: f.percentile(0.95)),
    Limit("token visible at 1,000/s, p50 ms", 30, 1000, lambda f: f.percentile(0.50)),
    Limit("token visible at 1,000/s, p95 ms", 70, 1000, lambda f: f.percentile(0.95)),
    Limit("wire bytes for each byte of answer", 3, 200, lambda f: f.wire_ratio),
    Limit("main thread for 1,000 tokens, s", 2.5, 200, lambda f: f.main_thread_seconds),
    Limit("longest task, ms", 100, 200, lambda f: f.longest_task),
    Limit(MEMORY, 130),
)
