"""The names that are counted each by itself: those that are commoner than all others beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Final

_CLEAR: Final = 4.0
"""Standard errors between the last name that is chosen and the first that is not."""


def common_names(counts: Mapping[str, int], most: int) -> list[str]:
    """Choose at most so many names by their counts in a sample.

    The rows of the sample are compared as well. Were the highest of many counts chosen that are alike but for chance,
    the names would be commoner here than in any other table; where the cut is clear, another sample gives the same.

    Args:
        counts: Rows by name.
        most: Names.

    >>> common_names({"a": 900, "b": 800, "c": 11, "d": 9, "e": 7}, 3)
    ['a', 'b']
    """
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    if len(ordered) <= most:
        return ordered
    falling = [counts[name] for name in ordered[: most + 1]]
    clear = (cut for cut in range(1, most + 1) if _is_clear(falling[cut - 1], falling[cut]))
    return ordered[: max(clear, default=0)]


def _is_clear(last: int, following: int) -> bool:
    """Whether a name would stand before the next one in any sample."""
    return last - following >= _CLEAR * sqrt(last + following)
