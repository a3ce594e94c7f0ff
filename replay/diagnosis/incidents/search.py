"""One incident after another: find the best window, refine it, take it out, go on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.background.bursts import Bursts, BurstSearch
from replay.diagnosis.incidents.background.credibility import Credibility
from replay.diagnosis.incidents.background.entities import evidence_by_entity
from replay.diagnosis.incidents.background.evidence import evidence_beside
from replay.diagnosis.incidents.likelihood import MismatchModel, Model, ShiftModel
from replay.diagnosis.incidents.refine import Span, mark_shares, marks, refine_marks, refine_mean
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diagnosis.incidents.scan_counts import Best, IncidentWindow, ScanCounts
from replay.diagnosis.incidents.signals import MOST_BACKGROUND, grave_bounds, mismatch_signal, shift_signal
from replay.diagnosis.incidents.slices import choose_slice
from replay.diagnosis.noise.noise_floor import NoiseFloor

Shares = NDArray[np.float64]

_JOIN_SHARE = 0.03
_JOIN_ROWS = 10


class IncidentSearch:
    """The search over one table.

    Args:
        rows: The rows.
        tolerance: What counts as agreement.
        noise: The noise floor of the rows.
        bucket_us: Width of a time bucket.
    """

    def __init__(self, rows: RowTable, tolerance: Tolerance, noise: NoiseFloor, bucket_us: int) -> None:
        self.rows = rows
        self.noise = noise
        self.severity = severity(rows, tolerance)
        self.mark = marks(self.severity, rows.replayed - rows.online)
        self.scan_counts = ScanCounts(rows, bucket_us)
        self.scan_counts.add(mismatch_signal(rows, self.severity))
        self._at_most = MOST_BACKGROUND
        self._shift: int | None = None
        self.bursts: Bursts | None = None  # found by run()

    def shifted(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """The standardised differences of some rows, zero where there is no such signal."""
        if self._shift is None:
            return np.zeros(len(indices))
        return self.scan_counts.signals[self._shift].value[indices]

    def run(self, log_alarm: float, most: int) -> list[IncidentWindow]:
        """Find at most so many windows, most evidence first."""
        permanent = self._permanent(log_alarm)
        if not self.noise.concentrated and any(not window.segments for window in permanent):
            return permanent
        self._add_signals()
        found: list[IncidentWindow] = []
        # Rows next to an incident may be found on their own before they are joined to it: hence twice as many.
        for _ in range(2 * most):
            window = self._next(log_alarm)
            if window is None:
                break
            found.append(window)
        credible = Credibility(self.rows, self.severity, self.scan_counts, self._at_most).credible(found, log_alarm)
        windows = self._joined(credible)
        for window in found:
            self.scan_counts.restore(self._rows_of(window))
        self.bursts, windows = self._burst_search().run(windows)
        return sorted([*permanent, *windows], key=lambda one: one.log_chance)[:most]

    def _burst_search(self) -> BurstSearch:
        def refine(span: Span, usable: NDArray[np.bool_], model: MismatchModel, background: Shares) -> Span:
            return self._refined(span, usable, 0, model, 0.0, background)

        return BurstSearch(self.rows, self.scan_counts, self.mark, self._at_most, refine)

    def _rows_of(self, window: IncidentWindow) -> NDArray[np.int64]:
        part = slice(window.first, window.last)
        return window.first + np.flatnonzero(self.rows.in_slice(window.segments)[part] & self.rows.counts[part])

    def _evidence(self, best: Best, baseline: float, window: NDArray[np.bool_], *, by_entity: bool) -> float:
        """Evidence in nats of the signal in some rows, beside the quiet ones that are not among them."""
        signal = self.scan_counts.signals[best.signal]
        counted = self.scan_counts.active & signal.valid
        rest = counted & ~window & best.model.level.quiet[self.scan_counts.cells.of_row]
        rows = self.rows if by_entity else replace(self.rows, entity=None)
        return evidence_beside(rows, signal, best.model, baseline, counted & window, rest)

    def _permanent(self, log_alarm: float) -> list[IncidentWindow]:
        """What is bad at all times, slice by slice, until a quiet background is left."""
        found: list[IncidentWindow] = []
        scan_counts = self.scan_counts
        while scan_counts.active.any() and scan_counts.model(0, self._at_most) is None:
            model = scan_counts.signals[0].assumed(scan_counts.num[0][0][:, 0])
            choice = choose_slice(scan_counts, 0, model, 0, len(self.rows))
            inside = np.flatnonzero(choice.inside & scan_counts.active)
            # However many its rows are: what differs for a few entities alone says little of all.
            bad, typical = inside[self.severity[inside] > 1.0], scan_counts.signals[0].typical
            by_entity = evidence_by_entity(self.rows, bad, len(inside), typical, model, choice.baseline)
            log_chance = float(np.log(scan_counts.tests())) - min(choice.score, by_entity)
            if log_chance > log_alarm:
                self._at_most = np.inf
                break
            first, last = self._affected(inside, model)
            found.append(IncidentWindow(first, last, choice.segments, "mismatch", log_chance))
            if not choice.segments:
                # All traffic is bad. A stretch that is worse still stands out.
                self._at_most = np.inf
                break
            scan_counts.remove(inside)
        return found

    def _affected(self, inside: NDArray[np.int64], model: MismatchModel) -> tuple[int, int]:
        """First row, and one past the last, of what is no quiet level: of nine tenths of the time, the rest is none."""
        bad = np.flatnonzero(self.severity[inside] > 1.0)
        every, typical = Span(int(bad[0]), int(bad[-1]) + 1), self.scan_counts.signals[0].typical
        span = refine_marks(self.mark[inside], every, _typical(model.level.mean), typical)
        return int(inside[span.first]), int(inside[span.last - 1]) + 1

    def _add_signals(self) -> None:
        base = self.scan_counts.signals[0]
        for bound in grave_bounds(self.severity[base.valid]):
            self.scan_counts.add(replace(mismatch_signal(self.rows, self.severity, bound), valid=base.valid))
        shift = shift_signal(self.rows, self.severity, self.noise)
        if shift is not None:
            self._shift = len(self.scan_counts.signals)
            self.scan_counts.add(shift)

    def _next(self, log_alarm: float) -> IncidentWindow | None:
        scan_counts = self.scan_counts
        models = {index: scan_counts.model(index, self._at_most) for index in range(len(scan_counts.signals))}
        best = self._best({index: model for index, model in models.items() if model is not None}, log_alarm)
        if best is None:
            return None
        inside = scan_counts.slicings[best.slicing].of_row == best.peak.index
        span = self._refined(scan_counts.span(best), inside, best.signal, best.model, best.peak.baseline)
        choice = choose_slice(scan_counts, best.signal, best.model, span.first, span.last)
        span = self._refined(span, choice.inside, best.signal, best.model, choice.baseline)
        window = choice.inside & span.mask(len(self.rows))
        exponent = min(best.peak.exponent, self._evidence(best, choice.baseline, window, by_entity=True))
        scan_counts.remove(np.flatnonzero(window))
        log_chance = float(np.log(scan_counts.tests()) - best.peak.exponent)
        return IncidentWindow(
            span.first,
            span.last,
            choice.segments,
            best.model.kind,
            log_chance,
            exponent,
            best.signal,
            best.slicing,
            int(np.diff(scan_counts.cells.of_row[[span.first, span.last - 1]])[0]) + 1,
        )

    def _best(self, models: dict[int, Model], log_alarm: float) -> Best | None:
        """The window with most evidence, if it is beyond chance also where the level is known from outside of it alone.

        One over most of the time, of a background that a few clusters make, is not; a shorter one may be.
        """
        longest = len(self.scan_counts.cells)
        log_tests = float(np.log(self.scan_counts.tests()))
        while longest > 0:
            best = self.scan_counts.best(models, longest)
            if best is None or log_tests - best.peak.exponent > log_alarm:
                return None
            span = self.scan_counts.span(best)
            window = (self.scan_counts.slicings[best.slicing].of_row == best.peak.index) & span.mask(len(self.rows))
            exponent = self._evidence(best, best.peak.baseline, window, by_entity=False)
            if log_tests - exponent <= log_alarm:
                return replace(best, peak=replace(best.peak, exponent=exponent))
            longest = (best.peak.last - best.peak.first) // 2
        return None

    def _refined(
        self,
        span: Span,
        inside: NDArray[np.bool_],
        signal: int,
        model: Model,
        baseline: float,
        background: Shares | None = None,
    ) -> Span:
        """The span of rows, refined among the slice's active rows up to its own length on both sides."""
        length = span.last - span.first
        low, high = max(0, span.first - length), min(len(self.rows), span.last + length)
        usable = inside[low:high] & self.scan_counts.active[low:high] & self.scan_counts.signals[signal].valid[low:high]
        indices = low + np.flatnonzero(usable)
        start = Span(*(int(index) for index in np.searchsorted(indices, [span.first, span.last])))
        if start.first == start.last:
            return span
        if isinstance(model, ShiftModel):
            value = self.scan_counts.signals[signal].value[indices]
            found = refine_mean(value, start, baseline, model.variance)
        else:
            rate = self.background_rate(model, span) if background is None else background
            found = refine_marks(self.mark[indices], start, rate, self.scan_counts.signals[signal].typical)
        return Span(int(indices[found.first]), int(indices[found.last - 1]) + 1)

    def background_rate(self, model: Model, span: Span) -> NDArray[np.float64]:
        """Shares of the marks in quiet rows outside of the span."""
        quiet = self._quiet(model)
        quiet[span.first : span.last] = False
        assert isinstance(model, MismatchModel)
        return mark_shares(self.mark[quiet], _typical(model.level.mean))

    def _quiet(self, model: Model) -> NDArray[np.bool_]:
        assert isinstance(model, MismatchModel)
        return self.scan_counts.active & model.level.quiet[self.scan_counts.cells.of_row]

    def _joined(self, windows: list[IncidentWindow]) -> list[IncidentWindow]:
        """Windows of one slice that touch, as one: an onset in steps is found in parts."""
        joined: list[IncidentWindow] = []
        for window in sorted(windows, key=lambda one: (one.kind, sorted(one.segments.items()), one.first)):
            last = joined[-1] if joined else None
            if last is None or not self._touch(last, window):
                joined.append(window)
                continue
            chance = min(last.log_chance, window.log_chance)
            joined[-1] = replace(last, last=max(last.last, window.last), log_chance=chance)
        return joined

    def _touch(self, left: IncidentWindow, right: IncidentWindow) -> bool:
        if left.kind != right.kind or left.segments != right.segments:
            return False
        inside = np.flatnonzero(self.rows.in_slice(left.segments))
        gap = np.searchsorted(inside, [left.last, right.first])
        whole = np.searchsorted(inside, [left.first, max(left.last, right.last)])
        return bool(gap[1] - gap[0] <= max(_JOIN_ROWS, _JOIN_SHARE * (whole[1] - whole[0])))


def _typical(rate: float) -> Shares:
    """``(num_marks,)`` shares of the marks where so many rows disagree, by whatever amount."""
    typical = np.full(25, rate / 24)
    typical[0] = 1.0 - rate
    return typical
