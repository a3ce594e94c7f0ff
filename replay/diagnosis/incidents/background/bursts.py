"""Bursts that come again and again: stretches of one slice, each beyond chance in the traffic outside of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.background.entities import evidence_by_entity
from replay.diagnosis.incidents.likelihood import MismatchModel
from replay.diagnosis.incidents.refine import Span, mark_shares
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan import count_windows, find_peak
from replay.diagnosis.incidents.scan_counts import IncidentWindow, ScanCounts
from replay.diagnosis.incidents.slices import choose_slice_of

Mask = NDArray[np.bool_]
Column = NDArray[np.float64]

_LEAST_BURSTS = 4  # fewer are incidents each, or chance
_MOST_BURSTS = 200
_SHORT = 16  # a burst is at most this part of the time
_LIKE = 4.0  # ratio of the rows of an incident and of a burst that may be one of them
_MOST_COVERED = 0.5
_LEAST_NATS = 3.0


@dataclass(frozen=True)
class Bursts:
    """Stretches of one slice that stand out as an incident would, but for how many they are.

    Attributes:
        spans: Of rows, in the order of time.
        segments: The slice.
        log_chance: Log of a bound on the chance of any one of them in the traffic outside.
        background: Whether none of them stands out from the others; else some are incidents, and all are alike.
    """

    spans: tuple[Span, ...]
    segments: dict[str, str]
    log_chance: float
    background: bool


class BurstSearch:
    """The search for bursts over one table.

    Args:
        rows: The rows.
        scan_counts: Their counts, with the rows of incidents.
        mark: ``(num_rows,)`` of :func:`~replay.diagnosis.incidents.refine.marks`.
        at_most: A level above this is not normal.
        refine: Boundaries to the row of a span among some rows, given the model and shares of the marks outside.
    """

    def __init__(
        self,
        rows: RowTable,
        scan_counts: ScanCounts,
        mark: NDArray[np.int8],
        at_most: float,
        refine: Callable[[Span, Mask, MismatchModel, Column], Span],
    ) -> None:
        self._rows, self._counts, self._mark, self._at_most, self._refine = rows, scan_counts, mark, at_most, refine
        self._counted: Mask = scan_counts.active & scan_counts.signals[0].valid

    def run(self, windows: Sequence[IncidentWindow]) -> tuple[Bursts | None, list[IncidentWindow]]:
        """Find bursts, and which incidents are left beside them.

        Bursts of an incident are its own. But an incident that is nothing but four bursts or more, or one of them, is
        told as them. What is far longer than a burst among these is an incident of its own.

        Args:
            windows: Incidents.
        """
        found = self._find()
        if found is None:
            return None, list(windows)
        inside = self._rows.in_slice(found.segments)
        usual = float(np.median([_count(inside, span) for span in found.spans]))
        kept, spans = [], list(found.spans)
        merged: list[IncidentWindow] = []
        for window in windows:
            within = [span for span in spans if span.first < window.last and span.last > window.first]
            same = window.segments == found.segments and window.kind == "mismatch"
            whole = _count(inside, Span(window.first, window.last))
            covered = sum(_count(inside, span) for span in within)
            is_one = len(within) == 1 and whole <= _LIKE * usual
            is_many = len(within) >= _LEAST_BURSTS and covered < _MOST_COVERED * whole
            if same and (is_one or is_many) and len(spans) > _LEAST_BURSTS:
                merged.append(window)
                continue
            kept.append(window)
            ours = inside & self._rows.in_slice(window.segments)
            ours[: window.first] = ours[window.last :] = False
            # An incident of one slice lies in bursts of all traffic, which are none of its own.
            spans = [span for span in spans if _count(ours, span) < _MOST_COVERED * max(_count(inside, span), 1)]
        for window in merged:
            for span in [span for span in spans if _count(inside, span) > _LIKE * usual]:
                if span.first < window.last and span.last > window.first:
                    kept.append(replace(window, first=span.first, last=span.last))
                    spans.remove(span)
        if len(spans) < _LEAST_BURSTS:
            return None, list(windows)
        chance = min([found.log_chance, *(window.log_chance for window in merged)])
        return replace(found, spans=tuple(spans), log_chance=chance, background=not merged), kept

    def _find(self) -> Bursts | None:
        counts = self._counts
        model = self._model(self._counted, with_spread=False)
        best = None if model is None else counts.best({0: model})
        # Bonferroni within a slice: that four are seen by chance is the fourth power of that.
        least = float(np.log(count_windows(len(counts.cells)))) + _LEAST_NATS
        if model is None or best is None or best.peak.exponent < least:
            return None
        inside = counts.slicings[best.slicing].of_row == best.peak.index
        spans = self._spans(inside, model, least)
        if len(spans) < _LEAST_BURSTS:
            return None
        rows = np.concatenate([np.arange(span.first, span.last) for span in spans])
        choice = choose_slice_of(counts, 0, model, rows[self._counted[rows]])
        outside = self._counted.copy()
        outside[rows[choice.inside[rows]]] = False
        measured = self._model(outside, with_spread=True)
        if measured is None:
            return None
        spans = self._spans(choice.inside, measured, least)
        covered = sum(_count(choice.inside, span) for span in spans)
        all_of_it = _count(choice.inside, Span(spans[0].first, spans[-1].last)) if spans else 0
        if len(spans) < _LEAST_BURSTS or covered > _MOST_COVERED * all_of_it:
            return None
        return Bursts(tuple(spans), choice.segments, _LEAST_BURSTS * -_LEAST_NATS, background=True)

    def _model(self, counted: Mask, *, with_spread: bool) -> MismatchModel | None:
        """Of the mismatched rows outside of bursts; before these are known, without what varies beyond chance."""
        signal, cells = self._counts.signals[0], self._counts.cells
        num, total = self._column(counted, None), self._column(counted, signal.value)
        if not np.isfinite(self._at_most) or not num.any():
            return None
        model = signal.model(num[:, 0], total[:, 0], counted, cells, self._at_most, with_bursts=False)
        if not isinstance(model, MismatchModel):
            return None
        return model if with_spread else replace(model, level=replace(model.level, inflation=1.0, drift=0.0))

    def _column(self, counted: Mask, value: Column | None) -> Column:
        cells = self._counts.cells
        weights = None if value is None else value[counted]
        return np.bincount(cells.of_row[counted], weights=weights, minlength=len(cells)).astype(np.float64)[:, None]

    def _spans(self, inside: Mask, model: MismatchModel, least: float) -> list[Span]:
        """Stretches with evidence of at least so many nats, in the order of time; those that touch are one."""
        signal, cells = self._counts.signals[0], self._counts.cells
        left = inside & self._counted
        num, total = self._column(left, None), self._column(left, signal.value)
        quiet = self._counted & model.level.quiet[cells.of_row]
        shares = self._shares(quiet, model)
        found: list[Span] = []
        for _ in range(_MOST_BURSTS):
            peak = find_peak(num, total, model, max(1, len(cells) // _SHORT))
            if peak.exponent < least:
                break
            start = Span(int(cells.edges[peak.first]), int(cells.edges[peak.last]))
            span = self._refine(start, left, model, shares)
            gone = span.first + np.flatnonzero(left[span.first : span.last])
            left[gone] = False
            of_row = cells.of_row[gone]
            num[:, 0] -= np.bincount(of_row, minlength=len(num))
            total[:, 0] -= np.bincount(of_row, weights=signal.value[gone], minlength=len(num))
            bad = gone[signal.value[gone] > 0]
            if not len(gone):
                break
            if evidence_by_entity(self._rows, bad, len(gone), signal.typical, model, peak.baseline) >= least:
                found.append(span)
        return _joined(sorted(found, key=lambda one: one.first))

    def _shares(self, quiet: Mask, model: MismatchModel) -> Column:
        typical = np.full(25, model.level.mean / 24)
        typical[0] = 1.0 - model.level.mean
        return mark_shares(self._mark[quiet], typical)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans that lie closer together than the longer one of two is long, as one; no further than one usually is.

    An incident among bursts is far longer than these, and no part of the next ones.
    """
    joined: list[Span] = []
    usual = float(np.median([span.last - span.first for span in spans])) if spans else 0.0
    for span in spans:
        last = joined[-1] if joined else None
        longest = 0.0 if last is None else min(usual, max(span.last - span.first, last.last - last.first))
        if last is None or span.first - last.last > longest:
            joined.append(span)
        else:
            joined[-1] = Span(last.first, max(last.last, span.last))
    return joined


def _count(inside: Mask, span: Span) -> int:
    return int(np.count_nonzero(inside[span.first : span.last]))
