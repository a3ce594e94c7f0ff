"""Whether online scores are an affine function of the replayed ones: another calibration layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.noise.envelope import Envelope

Array = NDArray[np.float64]

_PAIRS = 100_000
_LEAST_ROWS = 50
_LESS_NOISE = 0.1  # an affine change must leave less than a tenth of the typical difference
_ROUNDS = 3
_KEPT = 0.5
_PARTS = 5
_FAIR = 0.08
_NEAR = 2.0
_BEST = 0.25


@dataclass(frozen=True)
class CalibrationLayer:
    """``online = offset + scale * replayed``, on the logit or on the score itself.

    Attributes:
        offset: Added to.
        scale: Multiplied by.
        logit: Whether both are meant on the logit ``log(p / (1 - p))``.
    """

    offset: float = 0.0
    scale: float = 1.0
    logit: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return self.offset == 0.0 and self.scale == 1.0

    def apply(self, scores: Array) -> Array:
        """What online would answer for replayed scores, NaN where they are NaN.

        >>> CalibrationLayer(0.5, 2.0).apply(np.array([0.25])).tolist()
        [1.0]
        """
        if self.is_identity:
            return scores
        moved = self.offset + self.scale * (_logit(scores) if self.logit else scores)
        return _sigmoid(moved) if self.logit else moved

    def undo(self, scores: Array) -> Array:
        """What the replay would have had to answer for online to come to these scores.

        >>> CalibrationLayer(0.5, 2.0).undo(np.array([1.0])).tolist()
        [0.25]
        """
        if self.is_identity:
            return scores
        moved = ((_logit(scores) if self.logit else scores) - self.offset) / self.scale
        return _sigmoid(moved) if self.logit else moved


def find_calibration_layer(replayed: Array, online: Array) -> CalibrationLayer:
    """A constant offset or scale, only on overwhelming evidence; else the identity.

    The slope is the median of the slopes of random pairs of rows, the offset the median of what remains (Theil 1950,
    Sen 1968). As pairs break down at 29% of bad rows, the half of the rows that fits best is fitted again. The logit is
    tried where scores are probabilities, on rows that have one. The layer counts if it leaves less than a tenth of the
    typical difference.

    Args:
        replayed: ``(num_rows,)``, finite.
        online: ``(num_rows,)``, finite.
    """
    before = float(np.median(np.abs(replayed - online))) if len(online) else 0.0
    if len(online) < _LEAST_ROWS or before == 0.0:
        return CalibrationLayer()
    spaces: list[tuple[bool, NDArray[np.bool_] | slice]] = [(False, slice(None))]
    with_logit = rows_with_logit(replayed, online)
    if with_logit is not None:
        spaces.append((True, with_logit))
    tried = []
    for logit, rows in spaces:
        layer = _fit(replayed[rows], online[rows], logit)
        left = np.abs(layer.apply(replayed) - online)
        tried.append((float(np.median(left)), logit, layer))
    after, _, layer = min(tried, key=lambda one: one[:2])
    return layer if after < _LESS_NOISE * before else CalibrationLayer()


def rows_with_logit(replayed: Array, online: Array) -> NDArray[np.bool_] | None:
    """Rows of which both scores are strictly between 0 and 1, ``(num_rows,)`` bool.

    A probability that was logged with few digits may be 1 or 0, and has no logit: it says nothing of a layer there.

    Returns:
        None where some scores are no probabilities, or fewer than half of the rows have a logit.
    """
    if not len(online) or min(replayed.min(), online.min()) < 0.0 or max(replayed.max(), online.max()) > 1.0:
        return None
    inside: NDArray[np.bool_] = (replayed > 0.0) & (replayed < 1.0) & (online > 0.0) & (online < 1.0)
    return inside if 2 * int(inside.sum()) >= len(inside) else None


def is_identity_held(replayed: Array, online: Array, layer: CalibrationLayer, tolerance: Envelope) -> bool:
    """Whether a fair part of the rows agrees with no layer at all, as closely as the best ones do under the layer.

    Then there is none at all times: where rows do not agree, something changed, be that the layer itself. The rows
    must be found among low and high scores alike, as any layer leaves some score where it is.

    Args:
        replayed: ``(num_rows,)``, finite.
        online: ``(num_rows,)``, finite.
        layer: That was fitted.
        tolerance: What arithmetic and named noises leave open.
    """
    under = np.abs(layer.apply(replayed) - online)
    near = np.maximum(_NEAR * float(np.quantile(under, _BEST)), tolerance.at(online))
    agree = np.abs(replayed - online) <= near
    parts = np.array_split(np.argsort(replayed, kind="stable"), _PARTS)
    shares = np.sort([float(np.mean(agree[part])) for part in parts])
    return bool(shares[1] >= _FAIR)  # one part may be what the changed layer takes from a narrow range


def _fit(replayed: Array, online: Array, logit: bool) -> CalibrationLayer:
    left, right = (_logit(replayed), _logit(online)) if logit else (replayed, online)
    kept = np.ones(len(left), dtype=np.bool_)
    offset, scale = 0.0, 1.0
    for _ in range(_ROUNDS):
        offset, scale = _theil_sen(left[kept], right[kept])
        away = np.abs(offset + scale * left - right)
        kept = away <= np.quantile(away, _KEPT)
    return CalibrationLayer(offset, scale, logit)


def _theil_sen(left: Array, right: Array) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(left), (2, _PAIRS))
    run, rise = left[second] - left[first], right[second] - right[first]
    # Slopes between scores that lie close together are noise.
    apart = np.abs(run) > np.median(np.abs(run))
    scale = float(np.median(rise[apart] / run[apart])) if apart.any() else 1.0
    return float(np.median(right - scale * left)), scale


def _logit(scores: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(scores) - np.log1p(-scores), dtype=np.float64)


def _sigmoid(logits: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), dtype=np.float64)
