"""How far a stage of the work is, and how fast it goes."""

from __future__ import annotations

from collections import deque

from replay.report.words.numbers import count, seconds, short_count

WINDOW_SECONDS = 30.0
"""The rate is that of the last this many seconds."""


class Pace:
    """The rate of one stage, from the rows done over time.

    Args:
        name: Name of the stage.
        total: Rows to do, or None where it is not known.
        now: Seconds on any clock.
        unit: What is counted, where it is not rows.
        before: Seconds that the command had taken when the stage began.

    >>> pace = Pace("scoring", 2_000_000, now=0.0)
    >>> pace.update(1_200_000, now=4.0)
    >>> str(pace)
    'scoring 1,200,000/2,000,000 rows, 300k rows/s, ETA 2.7 s'
    """

    def __init__(self, name: str, total: int | None, now: float, *, unit: str = "rows", before: float = 0.0) -> None:
        self.name = name
        self.total = total
        self.unit = unit
        self.detail = ""
        self._before = before
        self.done = 0
        self.started = now
        self._points: deque[tuple[float, int]] = deque([(now, 0)])

    def update(self, done: int, now: float, detail: str = "") -> None:
        """Note how many rows are done, and more in words; fewer than before are ignored."""
        if done < self.done:
            return
        self.detail = detail
        if done == self.done and self.unit != "rows":
            return  # the speed of a few long steps is known where one is done
        if self.done == 0 and len(self._points) == 1 and now == self.started:
            self._points.clear()  # rows that an earlier run had done are no sign of speed
        self.done = done
        self._points.append((now, done))
        while self.unit == "rows" and len(self._points) > 2 and now - self._points[1][0] >= WINDOW_SECONDS:
            self._points.popleft()

    @property
    def rate(self) -> float | None:
        """Rows a second; None where it is not known yet."""
        (before, first), (now, last) = self._points[0], self._points[-1]
        return (last - first) / (now - before) if now > before and last > first else None

    @property
    def left(self) -> float | None:
        """Seconds to go; None where it is not known yet."""
        return None if self.total is None or not self.rate else max(self.total - self.done, 0) / self.rate

    def __str__(self) -> str:
        total = "" if self.total is None else f"/{count(self.total)}"
        parts = [f"{self.name} {count(self.done)}{total} {self.unit}" if self.total or self.done else self.name]
        parts += [self.detail] if self.detail else []
        if self.rate and self.unit == "rows":
            parts.append(f"{short_count(self.rate)} rows/s")
        if self.left is not None and self.total is not None and self.done < self.total:
            parts.append(f"ETA {seconds(self.left)}")
        return ", ".join(parts)

    def summary(self, now: float) -> str:
        """Say what was done, once the stage is over."""
        took = seconds(now - self.started)
        if not self.done:
            return f"{self.name}: {took}"
        total = "" if self.unit == "rows" else f"/{count(self.total or self.done)}"
        return f"{self.name}: {count(self.done)}{total} {self.unit} in {took}"

    def elapsed(self, now: float) -> float:
        """Seconds since the command began."""
        return self._before + now - self.started
