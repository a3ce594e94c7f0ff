"""A series in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.:-=+*#"
"""The same levels where the output's encoding has no block characters."""


def draw(values: Sequence[float | None], levels: str = BLOCKS) -> str:
    """Draw values from 0 to their maximum; only zero has the lowest level, and a gap is a space.

    >>> draw([0.0, 0.001, None, 1.0])
    '▁▂ █'
    """
    top = max((value for value in values if value is not None), default=0.0)
    return "".join(" " if value is None else levels[_level(value, top, len(levels) - 1)] for value in values)


def _level(value: float, top: float, steps: int) -> int:
    return 0 if value <= 0 else min(max(math.ceil(value / top * steps), 1), steps)
