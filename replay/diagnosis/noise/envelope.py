"""The smallest ``abs + rel * |online|`` that practically all quiet rows keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NUMERIC_REL = 1e-6
"""What float32 arithmetic in another order of sums gives: a few units in the last place."""

_BINS = 12
_LEAST_IN_BIN = 200
_TAIL = 1e-6
_FATTEST = 1.15  # Weibull shape: 1 is Laplace, 0.85 normal in this range; fatter is background, not noise
_HIGH_QUANTILES = (0.5, 0.35, 0.25, 0.15)
_FEW_DIFFER = 0.1


@dataclass(frozen=True)
class Envelope:
    """``abs + rel * |online|``."""

    abs: float
    rel: float

    @classmethod
    def of_arithmetic(cls, scores: Array) -> Envelope:
        """What float32 arithmetic leaves open for ``(num_rows,)`` scores."""
        typical = float(np.median(np.abs(scores))) if len(scores) else 1.0
        return cls(NUMERIC_REL * typical, NUMERIC_REL)

    def at(self, scores: Array) -> Array:
        """``(num_rows,)``: the bound for each score."""
        return self.abs + self.rel * np.abs(scores)


def fit_envelope(size: Array, away: Array, plausible: float = np.inf) -> Envelope:
    """Fit the bound over bins of the score's size.

    Args:
        size: ``(num_rows,)``, ``|replayed|``: bad rows do not move it, so that they are spread over all bins.
        away: ``(num_rows,)``, ``|replayed - online|``.
        plausible: Where most rows agree to the bit, the largest bound that the others can be noise with.

    Returns:
        The bound, never below float32 noise.
    """
    bins = max(1, min(_BINS, len(size) // _LEAST_IN_BIN))
    order = np.argsort(size, kind="stable")
    parts = np.array_split(order, bins)
    # The smallest scores of a bin must keep the bound too.
    at = np.array([float(np.quantile(size[part], 0.1)) for part in parts])
    bounds = np.array([_bound(away[part], plausible) for part in parts])
    typical = float(np.median(size))
    best = Envelope(0.0, 0.0)
    best_cost = np.inf
    for least in np.concatenate([[0.0], np.unique(bounds)]):
        over = np.maximum(bounds - least, 0.0)
        rel = float(np.max(over / np.maximum(at, 1e-300), initial=0.0)) if over.any() else 0.0
        cost = float(np.sum((least + rel * at) / np.maximum(bounds, 1e-300)))
        if np.isfinite(cost) and cost < best_cost:
            best, best_cost = Envelope(float(least), rel), cost
    return Envelope(max(best.abs, NUMERIC_REL * typical), max(best.rel, NUMERIC_REL))


def _bound(away: Array, plausible: float) -> float:
    """Where one row in a million is further off, by a Weibull tail through two low quantiles.

    A normal, a Laplace and a uniform difference all stay below it. The highest pair of quantiles that looks like noise
    is used: rows that are bad at all times fatten the tail from above.
    """
    if np.quantile(away, 0.5) == 0.0:
        # Most rows agree to the bit. The rest may be rounding, or bad.
        rest = away[away > 0.0]
        found = _bound(rest, np.inf) if len(rest) >= _FEW_DIFFER * len(away) else 0.0
        return found if found <= plausible else 0.0
    found = np.inf
    for high in _HIGH_QUANTILES:
        least, most = (float(q) for q in np.quantile(away, [high / 2, high]))
        if least == 0.0:
            continue
        near, far = -np.log1p(-high / 2), -np.log1p(-high)
        shape = np.log(most / least) / np.log(far / near)
        found = most * float((np.log(1.0 / _TAIL) / far) ** min(shape, _FATTEST))
        if shape <= _FATTEST:
            break
    return found if np.isfinite(found) else float(np.quantile(away, 0.75))
