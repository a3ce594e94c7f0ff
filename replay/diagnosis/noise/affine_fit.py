"""An affine change of the output, fitted on half of the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.hypotheses import Hypothesis

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PAIRS = 400
_LEAST_ROWS = 10
_SPACES = (("offset", False), ("slope", False), ("both", False), ("offset", True), ("slope", True), ("both", True))


def fit_affine(laboratory: CounterfactualReplay, rows: Integers) -> tuple[list[Hypothesis], Integers]:
    """Fit ``online = offset + slope * replayed`` on half of the rows, by random sample consensus.

    Fischler and Bolles 1981.

    A pair of rows gives a line, a single row an offset or a slope alone; the one on which most rows agree is kept, so
    that rows with another cause do no harm, even where they are the majority. It is refined once by least squares over
    the rows that agree. Scores and, where all of them are probabilities, logits.

    Args:
        laboratory: Knows scores and tolerance.
        rows: ``(k,)`` mismatched rows.

    Returns:
        The best fit of each form, and the rows that had no part in it, on which it is to be tested.
    """
    order = np.random.default_rng(0).permutation(rows)
    fitted, tested = np.sort(order[::2]), np.sort(order[1::2])
    if len(fitted) < _LEAST_ROWS:
        return [], tested
    base, online = laboratory.base_scores[fitted], laboratory.online[fitted]
    probable = bool(min(base.min(), online.min()) > 0.0 and max(base.max(), online.max()) < 1.0)
    found = []
    for form, is_logit in _SPACES:
        if is_logit and not probable:
            continue
        line = _consensus(laboratory, fitted, form, is_logit)
        if line is not None:
            found.append(laboratory.on("affine", offset=line[0], slope=line[1], logit=is_logit))
    return found, tested


def _consensus(
    laboratory: CounterfactualReplay, rows: Integers, form: str, is_logit: bool
) -> tuple[float, float] | None:
    left, right = laboratory.base_scores[rows], laboratory.online[rows]
    if is_logit:
        left, right = _logit(left), _logit(right)
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(rows), (2, _PAIRS))
    offsets, slopes = _lines(left, right, first, second, form)
    usable = np.isfinite(offsets) & np.isfinite(slopes)
    best: tuple[int, float, float] | None = None
    for offset, slope in zip(offsets[usable].tolist(), slopes[usable].tolist(), strict=True):
        count = int(_agreeing(laboratory, rows, left, offset, slope, is_logit).sum())
        if best is None or count > best[0]:
            best = (count, offset, slope)
    if best is None or best[0] < 3:
        return None
    inside = _agreeing(laboratory, rows, left, best[1], best[2], is_logit)
    refined = _least_squares(left[inside], right[inside], form)
    count = int(_agreeing(laboratory, rows, left, *refined, is_logit).sum())
    return refined if count >= best[0] else (best[1], best[2])


def _lines(left: Floats, right: Floats, first: Integers, second: Integers, form: str) -> tuple[Floats, Floats]:
    with np.errstate(all="ignore"):
        if form == "offset":
            return right[first] - left[first], np.ones(len(first))
        if form == "slope":
            return np.zeros(len(first)), right[first] / left[first]
        slopes = (right[second] - right[first]) / (left[second] - left[first])
        return right[first] - slopes * left[first], slopes


def _least_squares(left: Floats, right: Floats, form: str) -> tuple[float, float]:
    if form == "offset":
        return float(np.mean(right - left)), 1.0
    if form == "slope":
        return 0.0, float(np.dot(left, right) / np.dot(left, left))
    centre = left.mean()
    spread = float(np.dot(left - centre, left - centre))
    slope = float(np.dot(left - centre, right) / spread) if spread > 0.0 else 1.0
    return float(right.mean() - slope * centre), slope


def _agreeing(
    laboratory: CounterfactualReplay, rows: Integers, left: Floats, offset: float, slope: float, is_logit: bool
) -> NDArray[np.bool_]:
    moved = offset + slope * left
    if is_logit:
        with np.errstate(over="ignore"):
            moved = 1.0 / (1.0 + np.exp(-moved))
    return laboratory.agree(moved, rows)


def _logit(scores: Floats) -> Floats:
    return np.asarray(np.log(scores) - np.log1p(-scores))
