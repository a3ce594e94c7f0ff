"""What a window's sum says against the quiet level: one model for mismatches, one for shifts of the mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.clusters import Clusters
from replay.diagnosis.incidents.level import Level

Array = NDArray[np.float64]

_LEAST_RATIO = 1.25  # of a window's mismatch rate over the background's: less is a change of background
_LEAST_SHIFT = 0.15  # standard deviations
_OWN_RATIO = 2.0
_OWN_SHIFT = 0.5
_SIGMAS = 3.0
_LEVELS = 64
_LOWEST = 1e-6


class Sums(NamedTuple):
    """Rows, and the sum of a value over them."""

    num: float
    total: float


class Model(Protocol):
    """Evidence of sums of a per-row value. Exponents add over windows and compare between slices."""

    @property
    def kind(self) -> str:
        """``mismatch`` or ``shift``."""

    @property
    def level(self) -> Level:
        """What is normal."""

    def baselines(self, num: Array, total: Array) -> Array:
        """``(num_slices,)`` quiet levels from ``(num_cells, num_slices)`` tables."""

    def exponent(self, num: Array, total: Array, baseline: Array) -> Array:
        """``-log`` of a bound on the chance of a sum this far off in ``num`` rows; 0 where it is not of interest."""

    def exponent_beside(self, window: Sums, baseline: float, rest: Sums) -> float:
        """The same for one window, where the level is known no better than from the quiet rows outside of it."""


@dataclass(frozen=True)
class MismatchModel:
    """Counts of mismatched rows against a background rate.

    Attributes:
        level: The background.
        clusters: Sizes of the clusters in which background mismatches come.
        least_rows: Fewer mismatched rows than this are no incident.
    """

    level: Level
    clusters: Clusters
    least_rows: int

    @property
    def kind(self) -> str:
        """``mismatch``."""
        return "mismatch"

    def baselines(self, num: Array, total: Array) -> Array:
        """A slice's own rate, while it is at most twice the overall one; else the overall one.

        A background differs a little between slices. One that is far higher is not background: the slice is bad at all
        times, and that must be found.
        """
        rate = self.level.mean + _SIGMAS * self.level.drift
        rows, found = num[self.level.quiet].sum(axis=0), total[self.level.quiet].sum(axis=0)
        own = found / np.maximum(rows, 1.0)
        error = np.sqrt(rate * self.clusters.mean * self.level.inflation / np.maximum(rows, 1.0))
        own_rate = np.clip(own + error, rate, _OWN_RATIO * rate)
        return np.where((rows > 0) & (own <= _OWN_RATIO * rate), own_rate, rate)

    def exponent(self, num: Array, total: Array, baseline: Array) -> Array:
        """The compound Poisson bound, over the inflation of the variance that clusters leave unexplained."""
        expected = num * baseline
        of_interest = (total >= self.least_rows) & (total > _LEAST_RATIO * expected)
        found = np.zeros(np.shape(total))
        found[of_interest] = self.clusters.exponent(expected[of_interest], total[of_interest]) / self.level.inflation
        return found

    def exponent_beside(self, window: Sums, baseline: float, rest: Sums) -> float:
        """The least, over all levels, of the bounds on so many rows inside and on so few outside, taken together.

        For single rows it is the likelihood ratio of two Poisson counts: Kulldorff's statistic (1997) with the counts
        inside and outside of the window.
        """
        known = float(self.exponent(np.array([window.num]), np.array([window.total]), np.array([baseline]))[0])
        if known == 0.0:
            return 0.0
        highest = window.total / window.num
        level = np.geomspace(max(baseline, _LOWEST * highest), highest, _LEVELS)
        inside = self.clusters.exponent(level * window.num, np.full(_LEVELS, window.total))
        outside = self.clusters.shortfall(level * rest.num, np.full(_LEVELS, rest.total))
        return min(known, float((inside + outside).min()) / self.level.inflation)


@dataclass(frozen=True)
class ShiftModel:
    """Sums of winsorised, standardised differences against their quiet mean.

    Attributes:
        level: The quiet mean.
        variance: Of one row's value.
        bound: The largest value of a row.
        least_rows: Fewer rows than this are no incident.
    """

    level: Level
    variance: float
    bound: float
    least_rows: int

    @property
    def kind(self) -> str:
        """``shift``."""
        return "shift"

    def baselines(self, num: Array, total: Array) -> Array:
        """A slice's own mean, while it is within half a standard deviation of the overall one."""
        rows, found = num[self.level.quiet].sum(axis=0), total[self.level.quiet].sum(axis=0)
        own = found / np.maximum(rows, 1.0)
        near = np.abs(own - self.level.mean) <= _OWN_SHIFT * np.sqrt(self.variance)
        return np.where((rows >= self.least_rows) & near, own, self.level.mean)

    def exponent(self, num: Array, total: Array, baseline: Array) -> Array:
        """Bernstein's bound: ``t^2 / (2 (V + b t / 3)) - log(2)`` for a sum that is ``t`` off its mean."""
        allowed = _SIGMAS * self.level.drift
        away = np.maximum(np.abs(total - num * baseline) - allowed * num, 0.0)
        of_interest = (num >= self.least_rows) & (away > _LEAST_SHIFT * np.sqrt(self.variance) * num)
        spread = self.variance * self.level.inflation * num + self.bound * self.level.inflation * away / 3.0
        with np.errstate(invalid="ignore", divide="ignore"):
            found = away**2 / (2.0 * spread) - np.log(2.0)
        return np.where(of_interest, np.maximum(found, 0.0), 0.0)

    def exponent_beside(self, window: Sums, baseline: float, rest: Sums) -> float:
        """Bernstein's bound for the difference of two means: the one outside varies too."""
        wider = replace(self, variance=self.variance * (1.0 + window.num / max(rest.num, 1e-9)))
        arguments = np.array([window.num]), np.array([window.total]), np.array([baseline])
        return min(float(self.exponent(*arguments)[0]), float(wider.exponent(*arguments)[0]))
