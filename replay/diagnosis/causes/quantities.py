"""The number that explains most, found from the scores themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.metrics.fitted_number import fit_number

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_ROWS = 60
"""Rows that a number is fitted to."""


def zoom(
    counterfactual: CounterfactualReplay, make: Callable[[float], Hypothesis], grid: Floats, rows: Integers
) -> float | None:
    """Narrow a grid down to the number with which a hypothesis explains most rows; see :func:`fit_number`.

    Args:
        counterfactual: Replays.
        make: The hypothesis of a number.
        grid: Ascending.
        rows: ``(k,)`` mismatched rows, at most ``MOST_ROWS``.

    Returns:
        The number; None where no row passes its online score.
    """

    def scores_at(points: Floats) -> Floats:
        return counterfactual.predict([make(float(point)) for point in points], rows)

    return fit_number(scores_at, counterfactual.online[rows], grid)
