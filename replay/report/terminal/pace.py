"""How fast a stage goes, and when it will be done."""

from __future__ import annotations

from collections import deque

from replay.report.words.numbers import count, seconds, short_count

WINDOW_SECONDS = 30.0
"""The rate is that of the last this many seconds."""


class Pace:
    """The rate of one stage, from what was done by when.

    Args:
        name: Name of the stage.
        total: Rows to do, or None where it is not known.
        now: Seconds on any clock.

    >>> pace = Pace("scoring", 2_000_000, now=0.0)
    >>> pace.update(1_200_000, now=4.0)
    >>> str(pace)
    'scoring 1,200,000/2,000,000 rows, 300k rows/s, ETA 2.7 s'
    """

    def __init__(self, name: str, total: int | None, now: float) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self.started = now
        self._seen: deque[tuple[float, int]] = deque([(now, 0)])

    def update(self, done: int, now: float) -> None:
        """Say how many rows are done; fewer than before are ignored."""
        if done < self.done:
            return
        if self.done == 0 and len(self._seen) == 1 and now == self.started:
            self._seen.clear()  # rows that an earlier run had done are no sign of speed
        self.done = done
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Rows a second; None where it cannot be told."""
        (before, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - before) if now > before and last > first else None

    @property
    def left(self) -> float | None:
        """Seconds to go; None where it cannot be told."""
        return None if self.total is None or not self.rate else max(self.total - self.done, 0) / self.rate

    def __str__(self) -> str:
        total = "" if self.total is None else f"/{count(self.total)}"
        parts = [f"{self.name} {count(self.done)}{total} rows" if self.total or self.done else self.name]
        if self.rate:
            parts.append(f"{short_count(self.rate)} rows/s")
        if self.left is not None and self.total is not None and self.done < self.total:
            parts.append(f"ETA {seconds(self.left)}")
        return ", ".join(parts)

    def summary(self, now: float) -> str:
        """Say what was done, once the stage is over."""
        took = seconds(now - self.started)
        if not self.done:
            return f"{self.name}: {took}"
        return f"{self.name}: {count(self.done)} rows in {took}"
