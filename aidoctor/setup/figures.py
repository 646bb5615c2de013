"""Bytes, speeds and spans of time in the words that the page and the terminal share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Bytes as people read them, in powers of 1,000: `size(2_489_894_976) == "2.5 GB"`."""
    step = 0
    while count >= 999.5 and step < len(_UNITS) - 1:
        count, step = count / 1000, step + 1
    digits = 1 if step and count < 99.95 else 0
    return f"{count:.{digits}f} {_UNITS[step]}"


def span(seconds: float) -> str:
    """A time to wait, rounded up to what matters: `40 s`, `3 min`, `2 h 10 min`."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


class Pace:
    """Bytes per second over the last moments, so that a stall shows and a resume does not boast."""

    def __init__(self, window: float = 8.0, clock: Callable[[], float] = monotonic) -> None:
        self._window = window
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, done: int) -> None:
        """Note that `done` bytes are here by now; fewer than before begins anew."""
        if self._marks and done < self._marks[-1][1]:
            self._marks.clear()
        now = self._clock()
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - self._window:
            self._marks.popleft()

    def speed(self) -> float:
        """Bytes per second; 0 while unknown or at rest."""
        if not self._marks:
            return 0.0
        (start, first), (_, last) = self._marks[0], self._marks[-1]
        elapsed = self._clock() - start
        return (last - first) / elapsed if elapsed > 0 else 0.0

    def left(self, total: int) -> float | None:
        """Seconds until `total`, or None while that cannot be told."""
        speed = self.speed()
        if not total or speed <= 0:
            return None
        return max(0, total - self._marks[-1][1]) / speed
