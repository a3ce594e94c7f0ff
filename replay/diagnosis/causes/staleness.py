"""By how much a feature was stale: each row that an older value explains gives an interval of lags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.asof import densest_lag, round_lag
from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.hypotheses import Hypothesis
from replay.diagnosis.causes.proposals import LAGS_S
from replay.diagnosis.causes.significance import Significance

Integers = NDArray[np.int64]

_OLDER = 40
_LEAST = 3


def refine_lag(
    laboratory: CounterfactualReplay, touched: Sequence[str], near_us: int, rows: Integers
) -> Hypothesis | None:
    """The roundest lag on which most rows agree, around a first guess.

    Args:
        laboratory: Where.
        touched: The stale features.
        near_us: The guess, from the grid of lags.
        rows: ``(k,)`` mismatched rows.

    Returns:
        The hypothesis; None where the history cannot tell.
    """
    history = laboratory.history
    if history is None:
        return None
    grid = [0, *(int(seconds * 1_000_000) for seconds in LAGS_S), 4 * int(LAGS_S[-1] * 1_000_000)]
    place = min(range(len(grid)), key=lambda index: abs(grid[index] - near_us))
    shortest, longest = grid[max(place - 2, 0)], grid[min(place + 2, len(grid) - 1)]
    some, places = history.between(rows, shortest + 1, longest, _OLDER)
    # A row without a value so old tells lags too: those longer than what is known of its entity.
    none = rows[history.places(rows, longest) < 0]
    some, places = np.concatenate([some, none]), np.concatenate([places, np.full(len(none), -1)])
    if not len(some):
        return None
    scores = laboratory.score_past(touched, some, places)
    hit = laboratory.agree(scores, some) & (scores != laboratory.base_scores[some])
    above, up_to, count = densest_lag(*history.lags(some[hit], places[hit]))
    if count < _LEAST:
        return None
    return laboratory.on("stale_features", touched, lag_us=round_lag(above, up_to))


def lag_interval(laboratory: CounterfactualReplay, verdict: Significance) -> tuple[int, int]:
    """Lags that would explain the rows just as well: above the first number, up to the second, in microseconds."""
    history, lag = laboratory.history, verdict.hypothesis.lag_us
    if history is None or lag is None:
        return (0, 0)
    rows = verdict.rows[verdict.explained]
    above, up_to, _ = densest_lag(*history.lags(rows, history.places(rows, lag)))
    return above, up_to
