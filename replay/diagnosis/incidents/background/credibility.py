"""Which of the windows that were found stand out from how far the background's own windows do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.background.entities import EntityCells
from replay.diagnosis.incidents.background.overdispersion import Episode, Overdispersion, measure_overdispersion
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan_counts import IncidentWindow, ScanCounts
from replay.diagnosis.incidents.signals import MOST_BACKGROUND

_EPISODE_GAP = 0.01
_LONG = 0.125  # of the time: shorter ones may be bursts, in which every row disagrees
_BEYOND = 2.0  # times the largest rate that is a background


class Credibility:
    """The background that is left when all that was found is taken out.

    Args:
        rows: All rows.
        severity: ``(num_rows,)`` of their differences.
        counts: Counts by cell, of the rows that are left.
        at_most: Rate of mismatched rows that is a background still.
    """

    def __init__(self, rows: RowTable, severity: NDArray[np.float64], counts: ScanCounts, at_most: float) -> None:
        self._rows = rows
        self._severity = severity
        self._counts = counts
        self._at_most = at_most

    def credible(self, found: list[IncidentWindow], log_alarm: float) -> list[IncidentWindow]:
        """Windows that stand out from how far the background's own windows do, with the chance that is left."""
        kept: list[IncidentWindow] = []
        factors: dict[tuple[int, int], Overdispersion] = {}
        log_tests = float(np.log(self._counts.tests()))
        for window in found:
            factor = 1.0
            share, beyond = self._share(window.signal), self._is_beyond_background(window)
            for signal, slicing in {(window.signal, 0), (window.signal, window.slicing), (0, 0)}:
                if (signal, slicing) not in factors:
                    factors[signal, slicing] = self._overdispersion(signal, slicing, found)
                measured = factors[signal, slicing]
                # What all mismatched rows show where windows are many holds for a part of them too, as far as it goes.
                own, length = signal == window.signal, window.length
                if beyond:
                    length = min(length, measured.known)
                factor = max(factor, measured.at(length) if own else measured.of_a_part(length, share))
            log_chance = log_tests - window.exponent / factor
            if log_chance <= log_alarm:
                kept.append(replace(window, log_chance=log_chance))
        return kept

    def _share(self, signal: int) -> float:
        """Part of all mismatched rows that a signal's are."""
        one, whole = (float(self._counts.total[index][0].sum()) for index in (signal, 0))
        return one / max(whole, 1.0) if self._counts.signals[signal].kind == "mismatch" else 0.0

    def _overdispersion(self, signal: int, slicing: int, found: list[IncidentWindow]) -> Overdispersion:
        model = self._counts.model(signal, self._at_most)
        if model is None:
            return Overdispersion(np.array([1]), np.array([1.0]))
        num, total = self._counts.num[signal][slicing], self._counts.total[signal][slicing]
        taken, cell = np.zeros(len(num), dtype=np.bool_), self._counts.cells.of_row
        for window in found:
            taken[cell[window.first] : cell[window.last - 1] + 1] = True
        return measure_overdispersion(num, total, model, self._episodes(found), taken, self._capped(signal, slicing))

    def _capped(self, signal: int, slicing: int) -> Callable[[int, int], NDArray[np.float64]] | None:
        """What mismatched rows of windows count for, where entities are known."""
        counts = self._counts
        one = counts.signals[signal]
        if self._rows.entity is None or one.kind != "mismatch":
            return None
        mismatched = np.flatnonzero(counts.active & one.valid & (one.value > 0))
        return EntityCells.of_rows(self._rows, mismatched, counts.cells, counts.slicings[slicing], one.typical).windows

    def _episodes(self, found: list[IncidentWindow]) -> list[Episode]:
        """Stretches of time with something in them, each as the window with most evidence."""
        apart = _EPISODE_GAP * len(self._rows)
        episodes: list[Episode] = []
        last = -np.inf
        for window in sorted(found, key=lambda one: one.first):
            if window.first > last + apart:
                episodes.append(Episode(window.length, window.exponent))
            elif window.exponent > episodes[-1].exponent:
                episodes[-1] = Episode(window.length, window.exponent)
            last = max(last, window.last)
        return sorted(episodes, key=lambda one: -one.exponent)

    def _is_beyond_background(self, window: IncidentWindow) -> bool:
        """Whether a window is no background, however far that goes: a long part of all traffic, most of it bad.

        A background is a small rate. So that of long windows need not be guessed from short ones.
        """
        part = slice(window.first, window.last)
        counted = self._rows.counts[part]
        is_long = counted.sum() >= _LONG * self._rows.counts.sum()
        if window.segments or window.kind != "mismatch" or not is_long:
            return False
        return bool((self._severity[part][counted] > 1.0).mean() > _BEYOND * MOST_BACKGROUND)
