"""The factor or the constant that explains most, found from the scores themselves."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.hypotheses import Hypothesis
from replay.diagnosis.causes.significance import Significance
from replay.diagnosis.causes.subset_search import judge_all

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ROUNDS = 6
_POINTS = 9
_ROWS = 60
_WINDOW = 0.5  # steps of the grid; a straight line is off by less
_REACH = 0.75
_KEPT = 0.4
_QUANTILES = 15
_MOST_IDS = 500
_ID_ROWS = 40
_FACTORS = tuple(float(factor) for factor in np.logspace(-3, 3, 19))


def zoom_factor(laboratory: CounterfactualReplay, feature: str, rows: Integers) -> Significance | None:
    """The factor on a feature that explains most, of either sign; see :func:`_zoom`."""
    return _zoom(laboratory, "scale", feature, np.log(_FACTORS), rows)


def zoom_constant(laboratory: CounterfactualReplay, feature: str, rows: Integers) -> Significance | None:
    """The value of a feature that explains most; see :func:`_zoom`."""
    numbers = laboratory.column(feature).drop_null().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None
    ends = np.quantile(numbers, np.linspace(0.0, 1.0, _QUANTILES))
    reach = max(ends[-1] - ends[0], 1.0)
    grid = np.unique(np.concatenate([ends, [ends[0] - reach, ends[-1] + reach, 0.0]]))
    return _zoom(laboratory, "constant", feature, grid, rows)


def best_id(laboratory: CounterfactualReplay, feature: str, rows: Integers) -> Significance | None:
    """The logged value of a feature that explains most, of those that are not too many to try one by one."""
    column = laboratory.column(feature)
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    values = [one for one in column.unique().to_pylist() if isinstance(one, (str, int))]
    if len(values) > _MOST_IDS:
        return None
    hypotheses = [laboratory.on("constant", (feature,), value=value) for value in values]
    verdicts = judge_all(laboratory, hypotheses, rows[:_ID_ROWS])
    return max(verdicts, key=lambda verdict: verdict.promise, default=None)


def _zoom(
    laboratory: CounterfactualReplay, kind: str, feature: str, grid: Floats, rows: Integers
) -> Significance | None:
    """Narrow a grid down to the value on which most rows agree.

    Between two neighbours of the grid whose replayed scores lie on both sides of the online score, some value gives the
    online score itself; a straight line says where. A cause has one value for all rows, so the narrow stretch that
    holds the values of most rows is gridded again, until no digit moves.
    """
    rows = rows[:_ROWS]
    centre, best = 0.0, 0
    for _ in range(_ROUNDS):
        hypotheses = [_make(laboratory, kind, feature, point) for point in grid]
        scores = laboratory.predict(hypotheses, rows)
        found = _crossings(scores - laboratory.online[rows][None, :])
        if not len(found):
            break
        place, count = _densest(found, _WINDOW)
        if count < _KEPT * best:
            break  # the grid is finer than the noise of the scores
        left = min(int(place), len(grid) - 2)
        spacing = float(grid[left + 1] - grid[left])
        centre, best = float(grid[left] + (place - left) * spacing), max(best, count)
        if spacing <= 1e-9 * max(abs(centre), 1e-9):
            break
        grid = centre + np.linspace(-_REACH, _REACH, _POINTS) * spacing
    if not best:
        return None
    candidates = _rounded(laboratory, kind, feature, centre)
    verdicts = judge_all(laboratory, candidates, rows)
    # The fewest digits come first, and of equals the first is the maximum.
    return max(verdicts, key=lambda verdict: verdict.count, default=None)


def _make(laboratory: CounterfactualReplay, kind: str, feature: str, point: float) -> Hypothesis:
    if kind == "scale":
        return laboratory.on("scale", (feature,), factor=float(np.exp(point)))
    whole = pa.types.is_integer(laboratory.column(feature).type)
    return laboratory.on("constant", (feature,), value=round(point) if whole else float(point))


def _crossings(away: Floats) -> Floats:
    """Where each row's score passes its online score, in steps of the grid, sorted.

    Args:
        away: ``(len(grid), num_rows)``, replayed - online.
    """
    before, after = away[:-1], away[1:]
    with np.errstate(all="ignore"):
        passes = np.isfinite(before) & np.isfinite(after) & (before * after <= 0) & (before != after)
        share = before / (before - after)
    points = np.arange(len(before))[:, None] + share
    return np.sort(points[passes])


def _densest(points: Floats, width: float) -> tuple[float, int]:
    """Median of the points in the window of a width that holds the most of them, and their number."""
    ends = np.searchsorted(points, points + width, side="right")
    counts = ends - np.arange(len(points))
    first = int(np.argmax(counts))
    return float(np.median(points[first : int(ends[first])])), int(counts[first])


def _rounded(laboratory: CounterfactualReplay, kind: str, feature: str, centre: float) -> list[Hypothesis]:
    """The value with 1 digit, 2 digits, and so on; for a factor its inverse's digits too."""
    if kind != "scale":
        values = [float(f"{centre:.{digits}g}") for digits in range(1, 8)]
        return [_make(laboratory, kind, feature, value) for value in (*values, centre)]
    factor = float(np.exp(centre))
    values = [float(f"{factor:.{digits}g}") for digits in range(1, 8)]
    inverses = [1.0 / float(f"{1.0 / factor:.{digits}g}") for digits in range(1, 5)]
    return [laboratory.on("scale", (feature,), factor=value) for value in (*values[:3], *inverses, *values[3:], factor)]
