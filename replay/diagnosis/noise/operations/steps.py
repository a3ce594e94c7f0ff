"""Scores on a grid: rounded or cut to decimals, percent as integers, one of so many bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replay.diagnosis.noise.envelope import Envelope
from replay.diagnosis.noise.operation import Array, ScoreOperation, ScorePair, register
from replay.scoring.digits import decimals_of, narrow_float, unit_roundoff

_LEAST_VALUES = 5
_ON_GRID = 0.99
_OFF = 0.01  # of a step
_COARSE = 0.1  # of a step
_SAME = 1.5
_SAME_STEP = 1e-2
_MOST_VALUES = 0.2  # of the rows
_BINS = 5_000
_CLEARLY = 0.15  # more of the rows than under rounding to the nearest step
_AGREE = 1.001


@dataclass(frozen=True)
class ScoreSteps(ScoreOperation):
    """``start + k * step``.

    Attributes:
        step: Between two values.
        decimals: Where the step is a power of ten; None for bins.
        lean: 0 where the nearest step is taken, 1 where scores are cut down to it, -1 where they are rounded up.
    """

    step: float
    decimals: int | None
    lean: int = 0

    @property
    def tolerance(self) -> Envelope:
        """Half a step."""
        return Envelope(self.step / 2.0, 0.0)

    @property
    def words(self) -> str:
        """The step, and which way it goes."""
        if self.decimals is None:
            way = {0: "", 1: ", cut down to the lower one", -1: ", rounded up to the higher one"}[self.lean]
            return f"in steps of {self.step:.6g}{way}"
        verb = {0: "rounded", 1: "cut", -1: "rounded up"}[self.lean]
        return f"{verb} to {self.decimals} decimal{'' if self.decimals == 1 else 's'}"

    def apply(self, scores: Array) -> Array:
        """The middle of what a score may have been: half a step off where steps are not the nearest ones."""
        return scores - self.lean * self.step / 2.0 if self.lean else scores


@register("steps", rank=10)
def find_steps(pair: ScorePair) -> ScoreSteps | None:
    """The grid that practically all of online's scores are on, and how the replayed ones were brought to it.

    A grid that is finer than arithmetic is none, nor one that the replayed scores are on too.
    """
    found = _grid(pair.online)
    if found is None or found[0] / 2.0 <= float(np.median(pair.tolerance.at(pair.online))):
        return None
    theirs = _grid(pair.replayed)
    if theirs is not None and theirs[0] > found[0] / _SAME:
        return None
    ways = [ScoreSteps(*found, lean) for lean in (0, 1, -1)]
    shares = [_share(pair, way) for way in ways]
    best = int(np.argmax(shares))
    return ways[best] if shares[best] > shares[0] + _CLEARLY else ways[0]


def _share(pair: ScorePair, way: ScoreSteps) -> float:
    """Share of the rows that a way explains."""
    bound = pair.tolerance.at(pair.online) + way.tolerance.abs
    return float(np.mean(np.abs(way.apply(pair.replayed) - pair.online) <= _AGREE * bound))


def _grid(scores: Array) -> tuple[float, int | None] | None:
    """The coarsest step, and its decimals where it is a power of ten."""
    values = np.unique(scores)
    if len(values) < _LEAST_VALUES:
        return None
    decimals = decimals_of(scores)
    width = _bin_width(values, len(scores))
    if decimals is not None and (width is None or width < _SAME * 10.0**-decimals):
        return 10.0**-decimals, decimals
    return None if width is None else (width, _power_of_ten(width, values))


def _bin_width(values: Array, num_rows: int) -> float | None:
    """The step of bins of equal width, wherever they start; the smallest distance of two values."""
    if len(values) > min(_BINS, _MOST_VALUES * num_rows):
        return None
    # A narrow type may hold the steps exactly, or round them.
    found = (_even_step(values, np.abs(values) * unit_roundoff(name)) for name in (None, narrow_float(values)))
    return next((step for step in found if step is not None), None)


def _even_step(values: Array, slack: Array) -> float | None:
    """The step on which all values are, but for what rounding makes of them."""
    gaps = np.diff(values)
    is_apart = gaps > 2.0 * slack[1:]
    # The values of a narrow float lie further apart the larger they are.
    upper = gaps[len(gaps) // 2 :][is_apart[len(gaps) // 2 :]]
    if not len(upper) or upper.min() > _SAME * gaps[is_apart].min():
        return None
    single = gaps[is_apart & (gaps <= _SAME * gaps[is_apart].min())]
    index = np.rint((values - values[0]) / float(single.mean()))
    step = float(np.dot(index, values - values[0]) / np.dot(index, index))
    off = np.abs(values - values[0] - index * step)
    if np.median(slack) > _COARSE * step or np.mean(off <= np.maximum(2.0 * slack, _OFF * step)) < _ON_GRID:
        return None
    return step


def _power_of_ten(step: float, values: Array) -> int | None:
    """The decimals that a step stands for, where scores are multiples of it."""
    decimals = round(-float(np.log10(step)))
    whole = values * 10.0**decimals
    is_decimal = decimals >= 1 and abs(step * 10.0**decimals - 1.0) < _SAME_STEP
    return decimals if is_decimal and np.median(np.abs(whole - np.rint(whole))) < _COARSE else None
