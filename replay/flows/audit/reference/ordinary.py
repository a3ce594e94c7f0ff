"""How much two tables may differ as a matter of course, going by how much the buckets of one of them do."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.flows.audit.distributions import UnjoinedAudit

Counts = NDArray[np.int64]

_APART: Final = 3.0
"""The square of the next bucket's distance from the middle of all before it, over their own variance, where what they
hold changes by as much from each to the next: ``((K + 1) / 2)**2 / (K * (K + 1) / 12)`` by ``(K + 1) / K``."""


def of_like_size(buckets: Counts) -> Counts:
    """Buckets with those of few rows taken together with a neighbour.

    The first and the last are often cut off. What few rows they have would leave few cells to compare all others by.

    Args:
        buckets: ``(num_buckets, num_cells)``, in order of time.
    """
    least = buckets.sum() / max(len(buckets), 1) / 2
    merged: list[Counts] = []
    for each in buckets:
        if merged and min(each.sum(), merged[-1].sum()) < least:
            merged[-1] = merged[-1] + each
        else:
            merged.append(each)
    return np.stack(merged)


def ordinary_excess(found: UnjoinedAudit, name: str) -> float:
    """By how much more, over chance, the two tables ordinarily differ than the reference's buckets do.

    What changes from one bucket to the next weighs the more, against chance, the more rows there are. And where the
    traffic is of another time than the reference, what has been changing steadily has gone on to change.

    Args:
        found: The counts.
        name: Of a feature.
    """
    here, there = (of_like_size(side.buckets_of(name)).sum(axis=1) for side in (found.here, found.there))
    if len(there) < 2:
        return 1.0
    return size_ratio(here, there) * (_APART if _are_apart(found, name) else 1.0)


def size_ratio(here: Counts, there: Counts) -> float:
    """The excess over chance between two tables by that between the buckets of one of them, where all vary alike.

    Between buckets that is their effective size (that of an analysis of variance) times the variance; between the
    tables the harmonic size times the variance of either mean.

    Args:
        here: ``(num_buckets_here,)`` rows of each bucket.
        there: ``(num_buckets,)``, at least two.

    >>> size_ratio(np.array([100]), np.array([100, 100, 100])), size_ratio(np.array([300]), np.array([100, 100, 100]))
    (1.0, 2.0)
    """
    rows_here, rows = float(here.sum()), float(there.sum())
    between = (rows - float((there.astype(np.float64) ** 2).sum()) / rows) / (len(there) - 1)
    return rows_here * rows / (rows_here + rows) * (1 / len(here) + 1 / len(there)) / between


def _are_apart(found: UnjoinedAudit, name: str) -> bool:
    """Whether most of the traffic is of times of which the reference has hardly any rows."""
    here, there = (
        dict(zip(sorted(side.by_bucket), side.buckets_of(name).sum(axis=1).tolist(), strict=True))
        for side in (found.here, found.there)
    )
    least = sum(there.values()) / len(there) / 2
    shared = sum(rows for bucket, rows in here.items() if there.get(bucket, 0) >= least)
    return bool(2 * shared < sum(here.values()))
