"""How far windows of the background itself stand out: beyond what the model of it allows, evidence counts for less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.likelihood import Model
from replay.diagnosis.incidents.scan import disjoint_exponents, window_lengths

Array = NDArray[np.float64]

_LEAST_NATS = 3.0
_THRESHOLDS = 40
_LEAST_EPISODES = 3
_INCIDENTS = 3
_LEAST_WINDOWS = 8
_LIKE_THE_LONGEST = 3


@dataclass(frozen=True)
class Episode:
    """A stretch that stood out in the scan.

    Attributes:
        length: Of its window, in cells.
        exponent: Evidence in nats.
    """

    length: int
    exponent: float


@dataclass(frozen=True)
class Overdispersion:
    """What evidence is divided by, by length of the window.

    If the model holds, of ``n`` windows side by side at most ``n * exp(-x)`` have evidence over ``x``. Where ``k``
    separate stretches of the background do, evidence of ``x`` is worth ``log(n / k)``: the factor is the largest
    ratio of both. It is that of an exponential tail of the evidence, measured at its far end, so that rare bursts
    count which no variance of quiet blocks shows. Bursts, sessions of users, refreshes of a cache and levels that
    wander are alike in this.

    Attributes:
        lengths: ``(num_lengths,)`` cells.
        factors: ``(num_lengths,)``, at least 1.
    """

    lengths: NDArray[np.int64]
    factors: Array

    def at(self, length: int) -> float:
        """The factor for a window of so many cells."""
        index = int(np.searchsorted(self.lengths, length))
        return float(self.factors[min(index, len(self.factors) - 1)])


def measure_overdispersion(num: Array, total: Array, model: Model, episodes: Sequence[Episode] = ()) -> Overdispersion:
    """From the background that is left when everything that stood out was taken out.

    Args:
        num: ``(num_cells, num_slices)`` rows that are left.
        total: ``(num_cells, num_slices)`` sums of the model's value.
        model: Of the background.
        episodes: Separate stretches that were taken out, with most evidence first. Three of them may be incidents;
            more are how this traffic is, if others are like them.
    """
    lengths = np.array(list(window_lengths(len(num))))
    extra: dict[int, list[float]] = {}
    for episode in episodes[_INCIDENTS:]:
        nearest = int(lengths[np.argmin(np.abs(np.log(lengths / episode.length)))])
        extra.setdefault(nearest, []).append(episode.exponent)
    factors = [
        _factor(evidence.max(axis=1), evidence.size, extra.get(int(length), []))
        for length, evidence in zip(lengths, disjoint_exponents(num, total, model), strict=True)
    ]
    measured = [factor for factor in factors if factor > 0.0]
    # Windows that are longer than an eighth of the time are too few to be measured: they are as the longest ones.
    last = max(measured[-_LIKE_THE_LONGEST:], default=1.0)
    return Overdispersion(lengths, np.array([factor or last for factor in factors]))


def _factor(evidence: Array, tests: int, extra: Sequence[float]) -> float:
    """The largest ratio of evidence and what it is worth, over thresholds that some separate stretches exceed.

    0 where there are too few windows to tell.
    """
    if len(evidence) < _LEAST_WINDOWS:
        return 0.0
    highest = max(float(evidence.max()), max(extra, default=0.0))
    if highest <= _LEAST_NATS:
        return 1.0
    thresholds = np.geomspace(_LEAST_NATS, highest * (1.0 - 1e-9), _THRESHOLDS)[:, None]
    over = evidence > thresholds
    runs = over[:, 0] + np.count_nonzero(over[:, 1:] & ~over[:, :-1], axis=1)
    runs = runs + np.count_nonzero(np.array(extra)[None, :] >= thresholds, axis=1)
    enough = (runs >= _LEAST_EPISODES) & (runs < tests)
    if not enough.any():
        return 1.0
    worth = np.log(tests / runs[enough])
    return float(max(1.0, np.max(thresholds[enough, 0] / worth)))
