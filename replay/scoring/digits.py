"""How many digits a column of scores holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLOAT_DIGITS = {"float16": 11, "bfloat16": 8}
"""Binary digits of the significand, the hidden one included."""

_MOST_DECIMALS = 7
_GRID = 0.02  # of a step: further off, a score is not on the grid
_ON_GRID = 0.99


def decimals_of(scores: Floats) -> int | None:
    """The fewest decimals that hold practically all scores; None where that needs as many as they have.

    Args:
        scores: ``(num_rows,)``, finite.

    >>> decimals_of(np.array([0.12, 0.5, 0.07])), decimals_of(np.array([0.1234567891, 0.9876543219]))
    (2, None)
    """
    for decimals in range(1, _MOST_DECIMALS + 1):
        steps = scores * 10.0**decimals
        # What a float32 column makes of a decimal number.
        slack = np.abs(steps) * 2.0**-23 + 1e-9
        if np.median(slack) > _GRID:
            return None
        if np.mean(np.abs(steps - np.rint(steps)) <= np.maximum(slack, 1e-9)) >= _ON_GRID:
            return decimals
    return None


def is_held(scores: Floats, digits: int) -> bool:
    """Whether a float with so many bits in its significand holds practically all scores.

    Args:
        scores: ``(num_rows,)``, finite.
        digits: See ``FLOAT_DIGITS``.

    >>> is_held(np.array([0.5, 0.0999755859375]), FLOAT_DIGITS["float16"]), is_held(np.array([0.1]), 11)
    (True, False)
    """
    mantissa, _ = np.frexp(scores)
    steps = mantissa * 2.0**digits
    return bool(np.mean(steps == np.rint(steps)) >= _ON_GRID)


def narrow_float(scores: Floats) -> str | None:
    """The narrowest type below float32 that holds practically all scores.

    >>> narrow_float(np.array([0.5, 0.0999755859375])), narrow_float(np.array([0.1]))
    ('float16', None)
    """
    return next((name for name, digits in reversed(FLOAT_DIGITS.items()) if is_held(scores, digits)), None)


def unit_roundoff(name: str | None) -> float:
    """Largest relative error of rounding to a type; float32 for None.

    >>> unit_roundoff("float16") == 2.0**-11, unit_roundoff(None) == 2.0**-23
    (True, True)
    """
    return 2.0 ** -(23 if name is None else FLOAT_DIGITS[name])
