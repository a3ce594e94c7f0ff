"""Rows with equal inputs that online answered otherwise: what no replay of the logged features can reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diff.tolerance import allowed_difference

Integers = NDArray[np.int64]

_MOST_ROWS = 400
_OF_A_SET = 8
_LEAST_SETS = 5
_STATISTICS = (".running_mean", ".running_var")  # as torch calls the buffers of batch norm layers
_LEAST_SHARE = 0.9
"""Of the sets of rows with equal inputs, and of the pairs within a request: more exceptions show another pattern."""


@dataclass(frozen=True)
class Scatter:
    """How far online's answers to equal inputs lie apart.

    Attributes:
        sets: Sets of unexplained mismatched rows with equal inputs.
        scattered: Those whose answers differ beyond the tolerance.
        spread: Median over the sets of the largest less the smallest answer.
        by_request: Whether rows of one request with equal inputs agree, so that it is requests that differ; None where
            too few requests hold such rows.
        batch_norm: Whether the model has running statistics, as batch norm layers do.
    """

    sets: int
    scattered: int
    spread: float
    by_request: bool | None
    batch_norm: bool

    def parameters(self) -> dict[str, str | float]:
        """As ``summary.json`` has it of an unexplained cause."""
        known = {} if self.by_request is None else {"by_request": "yes" if self.by_request else "no"}
        if self.by_request and self.batch_norm:
            known["batch_norm"] = "yes"
        return {"equal_inputs": self.sets, "scattered": self.scattered, "spread": self.spread, **known}


def draw_twins(rows: RowTable, replayed: NDArray[np.float64], incident: FoundIncident) -> SampledRows | None:
    """Mismatched rows of an incident that share their replayed score with others: only these may have equal inputs.

    Args:
        rows: The baseline's rows.
        replayed: ``(num_rows,)``, what the model answers, to the last bit.
        incident: Whose rows are looked through.

    Returns:
        At most 400 of them, 8 of each score; None where there are too few.
    """
    bad = incident.indices[np.isfinite(replayed[incident.indices]) & np.isfinite(rows.online[incident.indices])]
    order = bad[np.lexsort((bad, replayed[bad]))]
    if not len(order):
        return None
    starts = np.flatnonzero(np.r_[True, np.diff(replayed[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    size = np.repeat(sizes, sizes)
    chosen = order[(size > 1) & (place < _OF_A_SET)][:_MOST_ROWS]
    if len(chosen) < 2 * _LEAST_SETS:
        return None
    return SampledRows(np.sort(chosen), np.zeros(0, np.int64))


def find_scatter(
    counterfactual: CounterfactualReplay, causes: Sequence[Hypothesis], request: NDArray[np.int64] | None
) -> Scatter | None:
    """See whether online answered equal inputs otherwise, on rows that no cause explains.

    Args:
        counterfactual: Of rows that may have equal inputs.
        causes: What was named: rows that one of them explains had other inputs than those that were logged.
        request: ``(num_rows,)``, which of the evidence's rows were answered together; None: not known.

    Returns:
        None where too few rows have equal inputs, or where online gave nearly all of them the same answer.
    """
    rows = counterfactual.bad
    for cause in causes:
        rows = rows[~counterfactual.explains(cause, rows)]
    if len(rows) < 2 * _LEAST_SETS:
        return None
    number = counterfactual.inputs_of(rows)
    sets = [rows[number == one] for one in np.unique(number)]
    sets = [some for some in sets if len(some) > 1]
    scattered = [some for some in sets if not _agree(counterfactual, some)]
    if len(sets) < _LEAST_SETS or len(scattered) < _LEAST_SHARE * len(sets):
        return None
    spread = float(np.median([np.ptp(counterfactual.online[some]) for some in sets]))
    batch_norm = any(name.endswith(_STATISTICS) for name in counterfactual.parameters)
    return Scatter(len(sets), len(scattered), spread, _by_request(counterfactual, sets, request), batch_norm)


def with_scatter(cause: Cause, scatter: Scatter) -> Cause:
    """An unexplained cause that says of equal inputs how far online's answers lie apart."""
    sets = f"{scatter.scattered} of {scatter.sets} sets of rows"
    text = f"{cause.text}. Online answered equal inputs differently in {sets}, by {scatter.spread:.3g} (median)"
    return replace(cause, text=text, parameters={**(cause.parameters or {}), **scatter.parameters()})


def _agree(counterfactual: CounterfactualReplay, rows: Integers) -> bool:
    """Whether online answered some rows alike: each within twice the tolerance, as each lies within it of one score."""
    online, tolerance = counterfactual.online[rows], counterfactual.tolerance
    return bool(np.ptp(online) <= 2 * allowed_difference(online, tolerance).max())


def _by_request(
    counterfactual: CounterfactualReplay, sets: Sequence[Integers], request: NDArray[np.int64] | None
) -> bool | None:
    if request is None:
        return None
    parts = [some[request[some] == one] for some in sets for one in np.unique(request[some])]
    together = [_agree(counterfactual, part) for part in parts if len(part) > 1]
    return bool(np.mean(together) >= _LEAST_SHARE) if len(together) >= _LEAST_SETS else None
