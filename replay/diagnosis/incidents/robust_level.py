"""The quiet level of a series of blocks, of which up to 40% may be anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CLIP = 3.0  # standard deviations; a quiet block is further away once in 370
_FIRST_CLIP = 2.0
# A normal's standard deviation over that of its values within 3, or 2, of them.
_UNCLIPPED = 1.014
_FIRST_UNCLIPPED = 1.137
_ROUNDS = 8


@dataclass(frozen=True)
class RobustLevel:
    """A center and what lies around it.

    Attributes:
        center: Mean over the quiet blocks.
        spread: Robust standard deviation of the quiet blocks.
        quiet: ``(num_blocks,)`` bool.
    """

    center: float
    spread: float
    quiet: NDArray[np.bool_]


def find_robust_level(values: NDArray[np.float64], least_spread: float = 0.0) -> RobustLevel:
    """Center, spread and membership of the quiet blocks.

    Starts at the shortest half, the half of the values that lie closest together (Rousseeuw 1984), which holds while
    less than half of the blocks are off, and clips at 3 spreads until nothing changes. The spread only ever shrinks:
    blocks that are off a little cannot widen it step by step until they count as quiet.

    Args:
        values: ``(num_blocks,)``, at least one.
        least_spread: What chance alone gives at least; keeps a series of equal values from clipping everything else.

    >>> find_robust_level(np.array([3.0, 1.0, 2.0, 90.0, 2.0])).center
    2.0
    """
    num = len(values)
    ordered = np.sort(values)
    half = (num + 1) // 2
    first = int(np.argmin(ordered[half - 1 :] - ordered[: num - half + 1]))
    core = ordered[first : first + half]
    center = float(core.mean())
    # The half of a normal sample spans 2 x 0.674 standard deviations; the shortest of a small sample is shorter.
    spread = max(float(core[-1] - core[0]) / 1.349 * (1.0 + 5.0 / num), least_spread)
    # That of a sample with 40% of bad blocks is up to twice too long, and a first wide clip would take some of them in.
    near = np.abs(values - center) <= _FIRST_CLIP * spread
    spread = max(min(spread, float(values[near].std()) * _FIRST_UNCLIPPED), least_spread)
    quiet = np.abs(values - center) <= _CLIP * spread
    for _ in range(_ROUNDS):
        center = float(values[quiet].mean())
        spread = max(min(spread, float(values[quiet].std()) * _UNCLIPPED), least_spread)
        now = np.abs(values - center) <= _CLIP * spread
        if not now.any() or np.array_equal(now, quiet):
            break
        quiet = now
    return RobustLevel(center, spread, quiet)
