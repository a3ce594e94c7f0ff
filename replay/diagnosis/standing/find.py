"""Causes that stand at all times: which counterfactuals make rows agree that disagree outside of every incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.causes.search import OnProgress
from replay.diagnosis.causes.significance import binomial_tail
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.standing.background import Background
from replay.diagnosis.standing.where import Whereabouts, find_whereabouts
from replay.metrics.interval import wilson

Indices = NDArray[np.int64]

LEAST_ROWS = 20
"""Rows that a standing cause explains at least; with fewer that disagree none is looked for."""
LEAST_RATE = 1e-3
"""Share of the background that disagrees, from which standing causes are looked for."""

_LEAST_SHARE = 0.05  # of the background's mismatched rows
_PARTS = 10
_LEAST_PARTS = 7
_MOST_IN_A_PART = 0.5
_BY_CHANCE = 0.01
_TIMES_CHANCE = 4.0  # what moves a little at all times agrees now and then with older values, a little moved as well


@dataclass(frozen=True)
class StandingFinding:
    """A cause that holds at all times, for a share of the traffic.

    Attributes:
        cause: What happens; its ``explained_rate`` is of the rows that disagree outside of every incident.
        rate: Share of all rows outside of incidents that it explains.
        low: Lower end of the 95% interval of ``rate``.
        high: Upper end of it.
        where: Whom it hits.
    """

    cause: Cause
    rate: float
    low: float
    high: float
    where: Whereabouts


def is_worth_a_search(background: Background) -> bool:
    """Whether so many rows disagree outside of incidents that a standing cause could be told from noise."""
    return int(background.mismatched.sum()) >= LEAST_ROWS and background.rate >= LEAST_RATE


def find_standing(
    counterfactual: CounterfactualReplay,
    rows: RowTable,
    background: Background,
    sample: SampledRows,
    on_progress: OnProgress | None = None,
) -> list[StandingFinding]:
    """Find what explains rows that disagree outside of every incident.

    Kinds with a number that would be fitted to whatever the background is are not tried. A cause stands where the rows
    that it explains lie all over the time: else they are what is left of an incident, and nothing is said.

    Args:
        counterfactual: The sample, and where hypotheses are replayed.
        rows: The baseline's rows.
        background: Which of them no incident holds.
        sample: Rows of the background; the first rows of the counterfactual's evidence are its mismatched ones.
        on_progress: Called with what is being done and the rows scored so far.

    Returns:
        Those with a cause, the one that explains most first.
    """
    kinds = {name: kind for name, kind in KINDS.items() if kind.may_stand}
    found = []
    left = sample.mismatched[counterfactual.bad]
    tested = len(left)
    for cause in find_causes(counterfactual, on_progress=on_progress, kinds=kinds).causes:
        if cause.hypothesis is None:
            continue
        explained = np.intersect1d(left, _explained(counterfactual, cause.hypothesis, sample))
        left = np.setdiff1d(left, explained)
        if is_standing(explained, tested, background, float((cause.parameters or {}).get("chance_rate", 0.0))):
            found.append(_describe(cause, rows, background, explained, tested))
    return found


def _explained(counterfactual: CounterfactualReplay, hypothesis: Hypothesis, sample: SampledRows) -> Indices:
    tested = counterfactual.bad
    explained: Indices = sample.mismatched[tested[counterfactual.explains(hypothesis, tested)]]
    return explained


def is_standing(explained: Indices, tested: int, background: Background, chance: float = 0.0) -> bool:
    """Whether rows are enough, and lie all over the background's time.

    An incident that was too small to be found explains rows in its own time, and chance a few everywhere: the half of
    the parts with the fewest must hold more than chance gives.

    Args:
        explained: ``(k,)`` positions in the table.
        tested: Mismatched rows of the background that were tested.
        background: Of the table.
        chance: Share of mismatched rows that would agree by chance.
    """
    if len(explained) < max(LEAST_ROWS, _LEAST_SHARE * tested, _TIMES_CHANCE * chance * tested):
        return False
    place = (np.cumsum(background.rows)[explained] - 1) * _PARTS // background.num_rows
    counts = np.sort(np.bincount(place, minlength=_PARTS))
    if int((counts > 0).sum()) < _LEAST_PARTS or int(counts[-1]) > _MOST_IN_A_PART * len(explained):
        return False
    emptier = int(counts[: _PARTS // 2].sum())
    return binomial_tail(emptier, tested // 2, max(chance, 1.0 / tested)) < _BY_CHANCE


def _describe(cause: Cause, rows: RowTable, background: Background, explained: Indices, tested: int) -> StandingFinding:
    each = int(background.mismatched.sum()) / tested
    where = find_whereabouts(rows, background.rows, background.mismatched, explained, each)
    if where.segments and cause.hypothesis is not None:
        # A share of the traffic is who is hit: of these, the checkpoint answered all.
        cause = replace(cause, kind=cause.hypothesis.kind)
    low, high = wilson(len(explained), tested)
    return StandingFinding(
        cause=cause,
        rate=background.rate * len(explained) / tested,
        low=background.rate * (0.0 if low is None else low),
        high=background.rate * (1.0 if high is None else high),
        where=where,
    )


def is_part_of(causes: Sequence[Cause], standing: Sequence[StandingFinding]) -> bool:
    """Whether the first cause of an incident is one that stands: the incident is then where it shows most."""
    first = causes[0].hypothesis if causes else None
    if first is None:
        return False
    return any(one.cause.hypothesis is not None and first.is_like(one.cause.hypothesis) for one in standing)
