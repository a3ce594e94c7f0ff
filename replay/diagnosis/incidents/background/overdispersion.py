"""How far windows of the background itself stand out: beyond what the model of it allows, evidence counts for less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.likelihood import Model
from replay.diagnosis.incidents.scan import disjoint_exponents, window_lengths

Array = NDArray[np.float64]

_LEAST_WORTH = 0.5
_THRESHOLDS = 40
_INCIDENTS = 3
_MOST_INCIDENTS = 5
_LEAST_WINDOWS = 4  # of fewer, none beyond a threshold says nothing
_MANY_WINDOWS = 32
_RESOLUTION = 0.25  # of a factor: so little more than 1 is not seen
_Z = 1.282  # of a one-sided interval at 90%


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
    separate stretches of the background do, up to ``K`` could have been seen, the upper end of the one-sided 90%
    interval of a Poisson count of ``k``, and evidence of ``x`` is worth no more than ``log(n / K)``: the factor is the
    largest ratio of both. It is that of an exponential tail of the evidence, measured at its far end, so that rare
    bursts count which no variance of quiet blocks shows. Bursts, sessions of users, refreshes of a cache and levels
    that wander are alike in this.

    Of long windows there are few, and their interval is wide. But the variance of a sum of ``m`` stretches that vary
    alike is at most ``m^2`` times that of one, so that what is over 1 of the factor grows by no more than ``m``. The
    least of all such bounds holds.

    Attributes:
        lengths: ``(num_lengths,)`` cells.
        factors: ``(num_lengths,)``, at least 1.
        known: The longest of which enough windows were seen; that of longer ones follows from shorter ones.
    """

    lengths: NDArray[np.int64]
    factors: Array
    known: int = 1

    def at(self, length: int) -> float:
        """The factor for a window of so many cells: the larger one of those of the lengths around it."""
        low, high = (int(np.searchsorted(self.lengths, length, side=side)) for side in ("right", "left"))
        return float(self.factors[max(low - 1, 0) : high + 1].max())

    def of_a_part(self, length: int, share: float) -> float:
        """That of a random part of the rows, as far as it can be told from these.

        A part of a count that varies beyond chance does so by that part of the excess. It is seen better in the whole,
        and of windows that are many: longer ones are as the longest of these.
        """
        many = self.lengths[-1] // self.lengths >= _MANY_WINDOWS
        longest = int(self.lengths[many].max(initial=1))
        return 1.0 + share * (self.at(min(length, longest)) - 1.0)


def measure_overdispersion(
    num: Array,
    total: Array,
    model: Model,
    episodes: Sequence[Episode] = (),
    taken: NDArray[np.bool_] | None = None,
    capped: Callable[[int, int], Array] | None = None,
) -> Overdispersion:
    """From the background that is left when everything that stood out was taken out.

    Args:
        num: ``(num_cells, num_slices)`` rows that are left.
        total: ``(num_cells, num_slices)`` sums of the model's value.
        model: Of the background.
        episodes: Separate stretches that were taken out, with most evidence first. Five of them may be incidents;
            of more, all but three are how this traffic is.
        taken: ``(num_cells,)`` bool, cells of which something was taken out: what is left of an incident there says
            nothing of the background.
        capped: What the mismatched rows of windows count for (:meth:`EntityCells.windows`), where entities are known.
    """
    lengths = np.array(list(window_lengths(len(num))))
    extra: dict[int, list[float]] = {}
    for episode in episodes[_INCIDENTS:] if len(episodes) > _MOST_INCIDENTS else ():
        nearest = int(lengths[np.argmin(np.abs(np.log(lengths / episode.length)))])
        extra.setdefault(nearest, []).append(episode.exponent)
    gone = np.zeros(len(num) + 1, dtype=np.int64) if taken is None else np.append(0, np.cumsum(taken))
    known, factors = 1, np.empty(len(lengths))
    for place, evidence in enumerate(disjoint_exponents(num, total, model, capped)):
        length = int(lengths[place])
        kept = np.diff(gone[::length]) == 0
        # Where too few windows have nothing taken out of them, all speak.
        is_enough = np.count_nonzero(kept) >= _LEAST_WINDOWS
        known = length if is_enough else known
        factors[place] = _factor(evidence[kept] if is_enough else evidence, extra.get(length, []))
    if not np.isfinite(factors).any():
        return Overdispersion(lengths, np.ones(len(lengths)))
    more = np.maximum(factors - 1.0, _RESOLUTION) / lengths
    bounds = np.minimum(factors, 1.0 + np.append(np.inf, np.minimum.accumulate(more)[:-1]) * lengths)
    return Overdispersion(lengths, bounds, known)


def _factor(evidence: Array, extra: Sequence[float]) -> float:
    """The largest ratio of evidence and what it is worth, over thresholds; infinite where there are too few windows."""
    if len(evidence) < _LEAST_WINDOWS:
        return np.inf
    tests, stretches = evidence.size, evidence.max(axis=1)
    seen = np.unique([*stretches, *extra])[-_THRESHOLDS:]
    thresholds = np.append(seen * (1.0 - 1e-9), seen[-1])
    over = stretches > thresholds[:, None]
    runs = over[:, 0] + np.count_nonzero(over[:, 1:] & ~over[:, :-1], axis=1)
    runs = runs + np.count_nonzero(np.array(extra)[None, :] > thresholds[:, None], axis=1)
    worth = np.log(tests / most_events(runs))
    # Where most windows exceed a threshold it is worth next to nothing, whatever the tail is.
    worth[:-1] = np.where(worth[:-1] >= _LEAST_WORTH, worth[:-1], np.inf)
    return float(np.max(thresholds / worth, initial=1.0))


def most_events(seen: NDArray[np.int64]) -> Array:
    """Upper end of the one-sided 90% interval of a Poisson count (Wilson and Hilferty 1931).

    >>> most_events(np.array([0, 10])).round(1).tolist()
    [2.3, 15.4]
    """
    more = np.asarray(seen, dtype=np.float64) + 1.0
    return np.asarray(more * (1.0 - 1.0 / (9.0 * more) + _Z / (3.0 * np.sqrt(more))) ** 3)
