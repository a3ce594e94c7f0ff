"""The counts of every signal by cell and slice, from which found incidents are taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.cells import Slicing, TimeCells, slicings
from replay.diagnosis.incidents.likelihood import Model
from replay.diagnosis.incidents.refine import Span
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan import Peak, count_windows, find_peak
from replay.diagnosis.incidents.signals import Signal

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Best:
    """The best window of all signals and slices, the model that judged it."""

    peak: Peak
    slicing: int
    signal: int
    model: Model


@dataclass(frozen=True)
class IncidentWindow:
    """Rows ``first`` to ``last`` (exclusive) of a slice.

    Attributes:
        first: Position of the first affected row.
        last: One past the last affected row.
        segments: The slice.
        kind: ``mismatch`` or ``shift``.
        log_chance: Log of the bound on the chance of it in a run without incidents.
        exponent: Evidence in nats.
        signal: Which value it was found in.
        slicing: Which slicing it was found in.
        length: Of the window of the scan, in cells.
    """

    first: int
    last: int
    segments: dict[str, str]
    kind: str
    log_chance: float
    exponent: float = 0.0
    signal: int = 0
    slicing: int = 0
    length: int = 1


class ScanCounts:
    """Tables of counts and sums, kept up to date while incidents are taken out.

    Args:
        rows: All rows.
        bucket_us: Width of a time bucket.
    """

    def __init__(self, rows: RowTable, bucket_us: int) -> None:
        self.cells = TimeCells.of_times(rows.time_us, bucket_us)
        self.slicings: tuple[Slicing, ...] = tuple(slicings(rows))
        self.active = rows.counts.copy()
        self.signals: list[Signal] = []
        self.num: list[list[Array]] = []
        self.total: list[list[Array]] = []

    def add(self, signal: Signal) -> None:
        """Count a signal over the rows that are still active."""
        rows = np.flatnonzero(self.active & signal.valid)
        same = next((i for i, other in enumerate(self.signals) if other.valid is signal.valid), None)
        num = self._sums(rows, None) if same is None else self.num[same]
        self.signals.append(signal)
        self.num.append(num)
        self.total.append(self._sums(rows, signal.value[rows]))

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out of all counts."""
        self._count(rows[self.active[rows]], -1.0)
        self.active[rows] = False

    def restore(self, rows: NDArray[np.int64]) -> None:
        """Take rows into all counts again that were taken out."""
        self._count(rows[~self.active[rows]], 1.0)
        self.active[rows] = True

    def tests(self) -> int:
        """Windows times slices times signals."""
        slices = sum(len(slicing.values) for slicing in self.slicings)
        return count_windows(len(self.cells)) * slices * len(self.signals)

    def model(self, signal: int, at_most: float) -> Model | None:
        """What is normal for a signal, among the rows still active."""
        num, total = self.num[signal][0][:, 0], self.total[signal][0][:, 0]
        if num.sum() == 0:
            return None
        return self.signals[signal].model(num, total, self.active, self.cells, at_most)

    def best(self, models: dict[int, Model], longest: int | None = None) -> Best | None:
        """The window (of at most so many cells), slice and signal with most evidence; None if there is none at all."""
        found = [
            Best(find_peak(self.num[signal][index], self.total[signal][index], model, longest), index, signal, model)
            for signal, model in models.items()
            for index in range(len(self.slicings))
        ]
        best = max(found, key=lambda one: one.peak.exponent, default=None)
        return best if best is not None and best.peak.exponent > 0 else None

    def span(self, best: Best) -> Span:
        """Of the rows of a window's cells."""
        return Span(int(self.cells.edges[best.peak.first]), int(self.cells.edges[best.peak.last]))

    def _count(self, rows: NDArray[np.int64], sign: float) -> None:
        seen: set[int] = set()
        for index, signal in enumerate(self.signals):
            changed = rows[signal.valid[rows]]
            if id(self.num[index]) not in seen:
                seen.add(id(self.num[index]))
                _add(self.num[index], self._sums(changed, None), sign)
            _add(self.total[index], self._sums(changed, signal.value[changed]), sign)

    def _sums(self, rows: NDArray[np.int64], weights: Array | None) -> list[Array]:
        return [slicing.sums(self.cells, rows, weights) for slicing in self.slicings]


def _add(tables: list[Array], changed: list[Array], sign: float) -> None:
    for table, change in zip(tables, changed, strict=True):
        table += sign * change
