"""Who is affected: the slice that says most in a given stretch of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.cells import Slicing
from replay.diagnosis.incidents.likelihood import Model
from replay.diagnosis.incidents.scan_counts import ScanCounts

_PENALTY = 4.0  # nats per segment named: a slice must earn its name
_CLEARLY_MORE = 20.0
_UNTOUCHED = 0.1  # of the excess of all traffic
_LARGE = 0.05  # of the rows
_MOST_TOGETHER = 3


@dataclass(frozen=True)
class Choice:
    """A slice.

    Attributes:
        segments: Column to value; empty for all traffic.
        score: Evidence in nats, less the penalty.
        baseline: Its quiet level.
        inside: ``(num_rows,)`` bool, its rows.
    """

    segments: dict[str, str]
    score: float
    baseline: float
    inside: NDArray[np.bool_]


def choose_slice(scan_counts: ScanCounts, signal: int, model: Model, first: int, last: int) -> Choice:
    """The slice with most evidence in the rows ``first`` to ``last``; of equals, the one with fewest segments.

    Evidence adds up over rows, so that all traffic wins when every slice is affected alike, and a slice wins when the
    mismatches are in it alone. A third and further segment is added while that gains more than its penalty.
    """
    rows = first + np.flatnonzero(scan_counts.active[first:last] & scan_counts.signals[signal].valid[first:last])
    return choose_slice_of(scan_counts, signal, model, rows)


def choose_slice_of(scan_counts: ScanCounts, signal: int, model: Model, rows: NDArray[np.int64]) -> Choice:
    """The same for any rows, such as those of several stretches of time."""
    best: tuple[float, int, int, float] | None = None
    for index, slicing in enumerate(scan_counts.slicings):
        baseline = model.baselines(scan_counts.num[signal][index], scan_counts.total[signal][index])
        scores = _scores(scan_counts, signal, model, slicing, rows, baseline)
        which = int(np.argmax(scores))
        if best is None or scores[which] > best[0] + 1e-9:
            best = (float(scores[which]), index, which, float(baseline[which]))
    assert best is not None  # there is always the slicing of all traffic
    if best[1] == 0:
        best = _some_values(scan_counts, signal, model, rows, best)
    slicing = scan_counts.slicings[best[1]]
    choice = Choice(slicing.segments(best[2]), best[0], best[3], slicing.of_row == best[2])
    return _drill(scan_counts, signal, model, rows, choice)


def _some_values(
    scan_counts: ScanCounts, signal: int, model: Model, rows: NDArray[np.int64], best: tuple[float, int, int, float]
) -> tuple[float, int, int, float]:
    """The best single value of a column, where two or three of its values are affected and another is not.

    The others are incidents of their own, found when this one is taken out.
    """
    value = scan_counts.signals[signal].value[rows]
    excess = abs(float(value.mean()) - best[3])
    found = best
    gained = best[0] + _CLEARLY_MORE
    for index, slicing in enumerate(scan_counts.slicings):
        if len(slicing.names) != 1:
            continue
        baseline = model.baselines(scan_counts.num[signal][index], scan_counts.total[signal][index])
        scores = _scores(scan_counts, signal, model, slicing, rows, baseline)
        codes = slicing.of_row[rows]
        num = np.bincount(codes, minlength=len(scores) + 1)[: len(scores)]
        total = np.bincount(codes, weights=value, minlength=len(scores) + 1)[: len(scores)]
        away = np.abs(total / np.maximum(num, 1) - baseline)
        untouched = (away < _UNTOUCHED * excess) & (num > _LARGE * len(rows))
        affected = scores > 0
        if untouched.any() and affected.sum() <= _MOST_TOGETHER and scores[affected].sum() > gained:
            which = int(np.argmax(scores))
            gained = float(scores[affected].sum())
            found = (float(scores[which]), index, which, float(baseline[which]))
    return found


def _scores(
    scan_counts: ScanCounts,
    signal: int,
    model: Model,
    slicing: Slicing,
    rows: NDArray[np.int64],
    baseline: NDArray[np.float64],
) -> NDArray[np.float64]:
    width = len(slicing.values)
    codes = slicing.of_row[rows]
    num = np.bincount(codes, minlength=width + 1)[:width].astype(np.float64)
    total = np.bincount(codes, weights=scan_counts.signals[signal].value[rows], minlength=width + 1)[:width]
    return model.exponent(num, np.asarray(total, dtype=np.float64), baseline) - _PENALTY * len(slicing.names)


def _drill(scan_counts: ScanCounts, signal: int, model: Model, rows: NDArray[np.int64], choice: Choice) -> Choice:
    while len(choice.segments) >= 2:
        rows = rows[choice.inside[rows]]
        found = [
            deeper
            for slicing in scan_counts.slicings
            if len(slicing.names) == 1 and slicing.names[0] not in choice.segments
            for deeper in [_deeper(scan_counts, signal, model, slicing, rows, choice)]
            if deeper.score > choice.score
        ]
        if not found:
            break
        choice = max(found, key=lambda one: one.score)
    return choice


def _deeper(
    scan_counts: ScanCounts, signal: int, model: Model, slicing: Slicing, rows: NDArray[np.int64], choice: Choice
) -> Choice:
    baseline = np.full(len(slicing.values), choice.baseline)
    scores = _scores(scan_counts, signal, model, slicing, rows, baseline) - _PENALTY * len(choice.segments)
    which = int(np.argmax(scores))
    segments = choice.segments | slicing.segments(which)
    return Choice(segments, float(scores[which]), choice.baseline, choice.inside & (slicing.of_row == which))
