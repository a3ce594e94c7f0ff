"""``affine``: the answer went through another output layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Kind, Words, register
from replay.diagnosis.causes.significance import Significance, measure
from replay.diagnosis.noise.calibration_layer import CalibrationLayer, rows_with_logit
from replay.diff.tolerance import allowed_difference
from replay.metrics.fitted_number import rounded

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PAIRS = 400
_LEAST_ROWS = 10
_MOST_DIGITS = 7
_ON_SCORES = 7.0  # bits: two digits more than a layer on the logit
_FORMS = ("offset", "slope", "both")
_LEAST_SLOPE = 0.01  # a cap, a floor and a score to fall back on are no layers
_SMALL_STEPS = 8.0  # tolerances
_NEARLY_ALL = 0.8  # of the rows, where steps are small: some of any small differences agree with some line


@register("affine", prior=90)
class AffineKind(Kind):
    """Offset and slope of the score or its logit, fitted on half of the rows, tested on the other."""

    excluded = "not another output layer"
    is_asked_for = True

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterator[Significance | None]:
        """The best fit of each form, its numbers as round as they may be, on the rows that had no part in it."""
        order = np.random.default_rng(0).permutation(rows)
        fitted, tested = np.sort(order[::2]), np.sort(order[1::2])
        layers = [round_layer(counterfactual, layer, fitted) for layer in fit_layers(counterfactual, fitted)]
        fits = [affine(counterfactual, layer) for layer in layers]
        yield from measure(counterfactual, fits, tested, with_chance=True)

    def refutes(self, counterfactual: CounterfactualReplay, verdict: Significance) -> bool:
        """Whether it is no layer: one answer for all rows, or so small a step that it meets others half of the way."""
        hypothesis, rows = verdict.hypothesis, verdict.rows[verdict.explained]
        if hypothesis.kind != "affine" or hypothesis.layer is None or not len(rows):
            return False
        if abs(hypothesis.get("slope")) < _LEAST_SLOPE:
            return True
        steps = np.abs(hypothesis.layer(counterfactual.base_scores[rows]) - counterfactual.base_scores[rows])
        allowed = allowed_difference(counterfactual.online[rows], counterfactual.tolerance)
        is_small = bool((allowed > 0.0).all()) and float(np.median(steps / allowed)) < _SMALL_STEPS
        return is_small and verdict.rate < _NEARLY_ALL

    def bits(self, hypothesis: Hypothesis) -> float:
        """A layer stands before the sigmoid: one on the probabilities themselves has to say it much shorter."""
        return self.prior_bits + (1.0 if hypothesis.get("space") else _ON_SCORES)

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        space, offset, slope = (hypothesis.get(name) for name in ("space", "offset", "slope"))
        return f"{space or 'score'} = {offset:.4g} + {slope:.4g} * replayed"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        space = (cause.parameters or {}).get("space", "score")
        layer = f"{space} = {{offset}} + {{slope}} x the model's"
        return Words(f"another output layer: {layer}", f"as if the answer had gone through another layer ({layer})")


def affine(counterfactual: CounterfactualReplay, layer: CalibrationLayer) -> Hypothesis:
    """The hypothesis that answers went through a layer."""
    space: dict[str, Any] = {"space": "logit"} if layer.logit else {}
    return counterfactual.hypothesis(
        "affine", layer=layer.apply, is_fitted=True, offset=layer.offset, slope=layer.scale, **space
    )


def fit_layers(counterfactual: CounterfactualReplay, rows: Integers) -> list[CalibrationLayer]:
    """Fit ``online = offset + slope * replayed`` by random sample consensus (Fischler and Bolles 1981).

    A pair of rows gives a line, a single row an offset or a slope alone; the one on which most rows agree is kept, so
    that rows with another cause do no harm, even where they are the majority. It is refined once by least squares over
    the rows that agree. Scores and, where these are probabilities, logits of the rows that have one.

    Args:
        counterfactual: Knows scores and tolerance.
        rows: ``(k,)`` mismatched rows.

    Returns:
        The best fit of each form; none for fewer than 10 rows.
    """
    if len(rows) < _LEAST_ROWS:
        return []
    spaces = {False: rows}
    inside = rows_with_logit(counterfactual.base_scores[rows], counterfactual.online[rows])
    if inside is not None and inside.sum() >= _LEAST_ROWS:
        spaces[True] = rows[inside]
    fits = [_consensus(counterfactual, chosen, form, logit) for logit, chosen in spaces.items() for form in _FORMS]
    return [fit for fit in fits if fit is not None]


def round_layer(counterfactual: CounterfactualReplay, layer: CalibrationLayer, rows: Integers) -> CalibrationLayer:
    """The layer with the fewest digits with which no fewer of some rows agree."""

    def agreeing(one: CalibrationLayer) -> int:
        return int(counterfactual.agree(one.apply(counterfactual.base_scores[rows]), rows).sum())

    numbers = zip(rounded(layer.offset, _MOST_DIGITS), rounded(layer.scale, _MOST_DIGITS), strict=True)
    rounder = [CalibrationLayer(offset, slope, layer.logit) for offset, slope in numbers]
    least = agreeing(layer)
    return next((one for one in rounder if agreeing(one) >= least), layer)


def _consensus(
    counterfactual: CounterfactualReplay, rows: Integers, form: str, is_logit: bool
) -> CalibrationLayer | None:
    left, right = counterfactual.base_scores[rows], counterfactual.online[rows]
    if is_logit:
        left, right = _logit(left), _logit(right)

    def agreeing(offset: float, slope: float) -> NDArray[np.bool_]:
        moved = offset + slope * left
        if is_logit:
            with np.errstate(over="ignore"):
                moved = 1.0 / (1.0 + np.exp(-moved))
        return counterfactual.agree(moved, rows)

    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(rows), (2, _PAIRS))
    offsets, slopes = _lines(left, right, first, second, form)
    usable = np.isfinite(offsets) & np.isfinite(slopes)
    lines = list(zip(offsets[usable].tolist(), slopes[usable].tolist(), strict=True))
    counts = [int(agreeing(*line).sum()) for line in lines]
    if not counts or max(counts) < 3:
        return None
    best = lines[counts.index(max(counts))]
    inside = agreeing(*best)
    refined = _least_squares(left[inside], right[inside], form)
    is_better = int(agreeing(*refined).sum()) >= max(counts)
    offset, slope = refined if is_better else best
    return CalibrationLayer(offset, slope, is_logit)


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


def _logit(scores: Floats) -> Floats:
    return np.asarray(np.log(scores) - np.log1p(-scores))
