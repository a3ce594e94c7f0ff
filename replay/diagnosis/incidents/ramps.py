"""Whether an incident begins and ends at once or step by step, and from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCKS = 32
_LEAST_IN_BLOCK = 8
_LATER = 3
_PLATEAU = 0.8
_LOW = 0.6
_SIGMAS = 4.0
_FINE_BLOCKS = 64
_LEAST_IN_FINE_BLOCK = 25
_LEAST_BLOCKS = 3  # of a step: a block in which two levels meet is none
_MOST_STEPS = 5
_LEAST_RISE = 0.1  # of the level: a smaller step is none


@dataclass(frozen=True)
class Ramp:
    """How an incident comes to its level, or leaves it.

    Attributes:
        first: Position of its first row among those of the incident.
        last: One past its last one.
    """

    first: int
    last: int


@dataclass(frozen=True)
class _Fit:
    """A model of the rise: ``reached`` is where the level is, a row; ``cost`` its BIC."""

    reached: int
    cost: float


def is_gradual(value: Values) -> bool:
    """Whether the level of an incident rises over at least a tenth of it, clearly.

    The incident is cut into 32 blocks (fewer for few rows). It is gradual if its first blocks lie under 0.6 of the
    plateau (the median of its later half) by more than 4 standard errors, and it takes more than three blocks to come
    to 0.8 of it. Standard errors are those of rows that come in clusters: by how much blocks of the later half differ.

    Args:
        value: ``(num_rows,)``, 0/1 for mismatches or a signed difference, in time order.

    >>> is_gradual((np.arange(3200) % 100 < np.arange(3200) / 32).astype(float))
    True
    >>> is_gradual((np.arange(3200) % 100 < 50).astype(float))
    False
    """
    blocks = min(_BLOCKS, len(value) // _LEAST_IN_BLOCK)
    if blocks < 2 * _LATER:
        return False
    parts = np.array_split(value, blocks)
    means = np.array([part.mean() for part in parts])
    plateau = float(np.median(means[blocks // 2 :]))
    if plateau == 0.0:
        return False
    sign, level = float(np.sign(plateau)), abs(plateau)
    head = np.concatenate(parts[: max(2, blocks // 16)])
    error = np.sqrt(float(np.var(value)) * _inflation(value, means) / len(head))
    start = float(head.mean()) * sign
    reached = int(np.argmax(means * sign >= _PLATEAU * level))
    return bool(start < _LOW * level and level - start > _SIGMAS * error and reached > _LATER)


def _inflation(value: Values, means: Values) -> float:
    """How much more neighbouring blocks differ than single rows would make them: rows of a request are alike."""
    apart = np.diff(means)
    expected = 2.0 * float(np.var(value)) * len(means) / len(value)
    return max(1.0, float(np.mean(apart**2)) / expected) if expected > 0.0 else 1.0


def find_ramp(value: Values, time_us: Integers, side: Literal["onset", "fade"]) -> Ramp | None:
    """The time in which an incident comes to its level, or leaves it; None where that is at once, or cannot be told.

    Its block means are held against a line in time up to a level, and against steps up to it (the best of at most 5, by
    dynamic programming); the one with the lower BIC (Schwarz 1978) says where the level is reached. A step is brought
    to the row.

    Args:
        value: ``(num_rows,)``, 0/1 for mismatches or a signed difference, in time order.
        time_us: ``(num_rows,)`` microseconds, ascending.
        side: At its beginning, or at its end.

    >>> share = np.repeat([1.0, 0.66, 0.33], [3000, 1000, 1000])
    >>> fade = find_ramp((np.arange(5000) * 0.618 % 1 < share).astype(float), np.arange(5000), "fade")
    >>> abs(fade.first - 3000) < 5, fade.last
    (True, 5000)
    """
    if side == "fade":
        found = find_ramp(value[::-1], -time_us[::-1], "onset")
        return None if found is None else Ramp(len(value) - found.last, len(value))
    if not is_gradual(value):
        return None
    rising = _rising(value)
    fit = _fit_rise(rising, time_us[: len(rising)])
    return Ramp(0, fit.reached)


def _rising(value: Values) -> Values:
    """The rows up to where the level is at its highest, upwards: an incident that fades is not at its level there."""
    blocks = min(_BLOCKS, len(value) // _LEAST_IN_BLOCK)
    edges = np.linspace(0, len(value), blocks + 1).astype(np.int64)
    sums = np.concatenate([[0.0], np.cumsum(value)])[edges]
    width = max(2, blocks // 4)
    levels = sums[width:] - sums[:-width]
    sign = float(np.sign(levels[np.argmax(np.abs(levels))]))
    # The first of stretches that are as high as any, so that a rise is not looked for in the level behind it.
    highest = int(np.argmax(levels * sign))
    return np.asarray(value[: edges[highest + width]] * sign)


def _fit_rise(value: Values, time_us: Integers) -> _Fit:
    blocks = max(8, min(_FINE_BLOCKS, len(value) // _LEAST_IN_FINE_BLOCK))
    edges = np.linspace(0, len(value), blocks + 1).astype(np.int64)
    parts = np.split(value, edges[1:-1])
    means = np.array([part.mean() for part in parts])
    within = float(np.mean([part.var() for part in parts])) or float(np.var(value))
    variance = within * _inflation(value, means) * blocks / len(value)
    at = np.array([part.mean() for part in np.split(time_us.astype(np.float64), edges[1:-1])])
    line = _line(means, at, float(time_us[0]), edges, variance)
    steps = _steps(means, value, edges, variance)
    return steps if steps is not None and steps.cost < line.cost else line


def _line(means: Values, at: Values, start: float, edges: Integers, variance: float) -> _Fit:
    """A line in time from the first row to a level that is reached at the edge of some block."""
    blocks, best = len(means), _Fit(int(edges[-1]), np.inf)
    for reached in range(2, blocks + 1):
        end = at[reached - 1] if reached == blocks else (at[reached - 1] + at[reached]) / 2.0
        share = np.minimum(1.0, (at - start) / max(end - start, 1e-9))
        basis = np.stack([np.ones(blocks), share], axis=1)
        left = means - basis @ np.linalg.lstsq(basis, means, rcond=None)[0]
        cost = float(left @ left) / variance + 3.0 * np.log(blocks)
        if cost < best.cost:
            best = _Fit(int(edges[reached]), cost)
    return best


def _steps(means: Values, value: Values, edges: Integers, variance: float) -> _Fit | None:
    """Levels, each higher than the one before; None where they do not rise, whatever their number."""
    blocks = len(means)
    sums, squares = (np.concatenate([[0.0], np.cumsum(power)]) for power in (means, means**2))
    size = np.arange(blocks + 1)
    length = np.maximum(size[None, :] - size[:, None], 1)
    error = (squares[None, :] - squares[:, None]) - (sums[None, :] - sums[:, None]) ** 2 / length
    error = np.where(size[None, :] - size[:, None] >= _LEAST_BLOCKS, error, np.inf)  # (from, to)
    costs, found = error[0], [np.zeros(blocks + 1, np.int64)]
    best: _Fit | None = None
    for steps in range(2, _MOST_STEPS + 1):
        total = costs[:, None] + error
        found.append(np.argmin(total, axis=0))
        costs = np.min(total, axis=0)
        if not np.isfinite(costs[-1]):
            break
        cost = float(costs[-1]) / variance + (2.0 * steps - 1.0) * np.log(blocks)
        cuts = _cuts(found, blocks)
        levels = [float(means[low:high].mean()) for low, high in zip(cuts, [*cuts[1:], blocks], strict=True)]
        if np.all(np.diff(levels) > _LEAST_RISE * levels[-1]) and (best is None or cost < best.cost):
            best = _Fit(_to_the_row(value, edges, cuts[-1], levels[-2], levels[-1]), cost)
    return best


def _cuts(found: list[Integers], blocks: int) -> list[int]:
    """First block of each level."""
    cuts, end = [], blocks
    for before in reversed(found):
        end = int(before[end])
        cuts.append(end)
    return cuts[::-1]


def _to_the_row(value: Values, edges: Integers, cut: int, low: float, high: float) -> int:
    """The most likely row of a step between two levels, within a block of where it was seen."""
    first, last = int(edges[max(cut - 1, 0)]), int(edges[min(cut + 1, len(edges) - 1)])
    for_high = np.cumsum((value[first:last] - (low + high) / 2.0)[::-1])[::-1]
    return first + int(np.argmax(np.append(for_high, 0.0)))
