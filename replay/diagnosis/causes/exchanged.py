"""Values of other rows, which look as if one value, or none, had been there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.causes.search import Explanation

Mask = NDArray[np.bool_]

_AS_MANY: Final = 0.8
"""Of the rows that values of other rows would leave unexplained."""
_OLDER: Final = 2.0
"""So many rows unexplained for each that a lag explains."""


def without_exchanged(
    counterfactual: CounterfactualReplay,
    explanations: Sequence[Explanation],
    joints: Sequence[Hypothesis],
    left: Mask,
    background_rate: float,
) -> tuple[list[Explanation], Mask]:
    """Leave out causes that values of other rows would look like: one value in all rows, and as many unexplained.

    Say that a feature shows in the scores of a share ``c`` of the rows, and that each row was given the value of some
    other row. One value in all of them then explains the rows whose own value shows and whose given one does not,
    ``c (1 - c)``, and leaves those whose given value shows, ``c``: ``1 / (1 - c)`` rows for each that it explains. The
    good rows tell ``c``; where they cannot, it is taken for small. An older value is right where the given one happens
    to be the same.

    Args:
        counterfactual: Replays.
        explanations: Causes that were found.
        joints: Pairs of them that met in the same rows, and explain those together.
        left: ``(k,)``, which of the mismatched rows nothing explains.
        background_rate: Share of these that would be mismatched without the incident.

    Returns:
        The other causes, and ``left`` with the rows that the causes left out alone explained.
    """
    rows, joined = counterfactual.bad, {part for joint in joints for part in joint.parts}
    explained = [counterfactual.explains(one.verdict.hypothesis, rows) for one in explanations]
    unexplained = float(left.sum()) - background_rate * len(rows)
    kept = [
        not KINDS[one.verdict.hypothesis.kind].replaces_values
        or one.verdict.hypothesis in joined
        or unexplained < _left_for_each(counterfactual, one.verdict.hypothesis) * of_rows.sum()
        for one, of_rows in zip(explanations, explained, strict=True)
    ]
    others = [of_rows for of_rows, is_kept in zip(explained, kept, strict=True) if is_kept]
    lost = [of_rows for of_rows, is_kept in zip(explained, kept, strict=True) if not is_kept]
    nothing = np.zeros(len(rows), np.bool_)
    again = np.logical_or.reduce([*lost, nothing]) & ~np.logical_or.reduce([*others, nothing])
    return [one for one, is_kept in zip(explanations, kept, strict=True) if is_kept], left | again


def _left_for_each(counterfactual: CounterfactualReplay, hypothesis: Hypothesis) -> float:
    """Rows that are left for each that a hypothesis explains, at least, where values of other rows were served."""
    if KINDS[hypothesis.kind].reads_values:
        return _OLDER
    shown = shown_rate(counterfactual, hypothesis) or 0.0
    return _AS_MANY / (1.0 - shown) if shown < 1.0 else np.inf


def shown_rate(counterfactual: CounterfactualReplay, hypothesis: Hypothesis) -> float | None:
    """Share of the good rows that would have got another score; None where it is not known."""
    rows = counterfactual.good
    if not len(rows):
        return None
    scores = counterfactual.predict([hypothesis], rows)[0]
    if not counterfactual.is_known(hypothesis, rows):
        return None
    return float((~counterfactual.agree(scores, rows)).mean())
