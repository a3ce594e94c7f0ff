"""The function of sums that a ratio metric is."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from replay.metrics.interval import Interval, wald
from replay.metrics.metric import Metric
from replay.metrics.terms import Array, divide
from replay.metrics.value import ClassCounts


class RatioFunction(Metric):
    """A function of the sums of ``terms``; as it stands here the sum of the first term over that of the second.

    Attributes:
        terms: What the function takes, in its order.
        probabilities: Whether every score must lie in [0, 1].
    """

    probabilities: ClassVar[bool] = False

    @staticmethod
    def value(sums: Array) -> Array:
        """The metric from the sums of ``terms``, ``(..., len(terms))`` to ``(...)``; NaN where it is not defined."""
        return divide(sums[..., 0], sums[..., 1])

    @staticmethod
    def gradient(sums: Array) -> Array:
        """Gradient of ``value`` by the sums, ``(..., len(terms))``."""
        by_first = divide(1.0, sums[..., 1])
        return np.stack((by_first, -divide(divide(sums[..., 0], sums[..., 1]), sums[..., 1])), axis=-1)

    @staticmethod
    def why_undefined(sums: Array) -> str | None:
        """Why one slice's sums ``(len(terms),)``, of a weight above 0, have no value; None where they have."""
        del sums
        return None

    @staticmethod
    def interval(value: float, variance: float, degrees: float) -> Interval:
        """The 95% interval; as it stands here Student's, cut at 0."""
        return wald(value, variance, degrees=degrees, floor=0.0)

    @staticmethod
    def degrees(rarer: float) -> float:
        """Degrees of freedom of the variance, from the effective rows of the rarer class, which it mostly comes from.

        As it stands here those of a variance of that many rows.
        """
        return max(rarer - 1, 1.0)

    @classmethod
    def change_interval(cls, change: float, variance: float, evidence: ClassCounts) -> Interval:
        """The 95% interval of its change; as it stands here Student's."""
        degrees = min(cls.degrees(evidence.independent), evidence.groups - 1)
        return wald(change, variance, degrees=degrees)
