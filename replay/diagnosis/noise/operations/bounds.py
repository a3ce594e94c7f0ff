"""Scores that never go below a floor, or above a cap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.noise.operation import Array, ScoreOperation, ScorePair, register

_LEAST_ROWS = 20
_LEAST_SHARE = 0.002
_BEYOND = 0.9  # of the rows at a bound, those whose replayed score is there or beyond
_CLEARLY_BEYOND = 0.25
_HELD = 0.5  # of the rows whose replayed score is beyond, those at the bound


@dataclass(frozen=True)
class Bounds(ScoreOperation):
    """A floor, a cap or both.

    Attributes:
        low: The least score; minus infinity without a floor.
        high: The largest score; infinity without a cap.
        share: Of the rows, those at a bound.
    """

    low: float
    high: float
    share: float

    @property
    def words(self) -> str:
        """The bounds, and how many rows are at them."""
        parts = [f"never {way} {at:.6g}" for way, at in (("below", self.low), ("above", self.high)) if np.isfinite(at)]
        return f"{' and '.join(parts)} ({100.0 * self.share:.3g}% of the rows are there)"

    def apply(self, scores: Array) -> Array:
        """Brought into the range."""
        return np.clip(scores, self.low, self.high)


def away_from_ends(online: Array) -> NDArray[np.bool_]:
    """Rows that are not at what may be a floor or a cap, ``(num_rows,)`` bool."""
    if not len(online):
        return np.zeros(0, np.bool_)
    return np.asarray(~_pile(online, float(online.min())) & ~_pile(online, float(online.max())))


def _pile(online: Array, at: float) -> NDArray[np.bool_]:
    """Rows at one exact score, where they are so many that it may be a bound; else none, ``(num_rows,)`` bool."""
    there = np.asarray(online == at)
    enough = there.sum() >= max(_LEAST_ROWS, _LEAST_SHARE * len(online))
    return there if enough else np.zeros(len(online), np.bool_)


@register("bounds", rank=30)
def find_bounds(pair: ScorePair) -> Bounds | None:
    """Online's least and largest score, where many rows have it and the replay goes beyond.

    At a floor, (nearly) all replayed scores are below; and of the replayed scores below, most are at the floor. A score
    that a service falls back on lies amid the others.
    """
    low, high = float(pair.online.min()), float(pair.online.max())
    if low == high:
        return None
    slack = float(np.median(pair.tolerance.at(pair.online)))
    at_low = _pile(pair.online, low)
    at_high = _pile(pair.online, high)
    has_low = _is_bound(at_low, low - pair.replayed, slack)
    has_high = _is_bound(at_high, pair.replayed - high, slack)
    if not has_low and not has_high:
        return None
    share = float(np.mean((at_low & has_low) | (at_high & has_high)))
    return Bounds(low if has_low else -np.inf, high if has_high else np.inf, share)


def _is_bound(there: NDArray[np.bool_], beyond: Array, slack: float) -> bool:
    """Whether rows are at a bound because the model's score is beyond it.

    Args:
        there: ``(num_rows,)`` bool, rows at it.
        beyond: ``(num_rows,)``, how far replayed scores are beyond it.
        slack: How far off noise puts them.
    """
    if not there.any() or np.mean(beyond[there] >= -slack) < _BEYOND:
        return False
    far = beyond > 2.0 * slack
    return bool(np.mean(far[there]) >= _CLEARLY_BEYOND and np.mean(there[far]) >= _HELD)
