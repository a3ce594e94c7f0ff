"""What the rows of one variant add to the sums of their slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diff.comparison import RowComparison
from replay.metrics.functional.terms import NUM_TERMS

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

QUALITY_WIDTH = 16
"""Rows, the four sums, the ten distinct second moments, rows outside [0, 1]."""
COMPARISON_WIDTH = 5
"""Compared, mismatched, finite pairs, sum of |delta|, sum of delta."""
WIDTH = QUALITY_WIDTH + 2 * COMPARISON_WIDTH
"""Columns of a variant: quality, against online, against the baseline."""
AGAINST_ONLINE, AGAINST_BASELINE = QUALITY_WIDTH, QUALITY_WIDTH + COMPARISON_WIDTH

ROWS, SUMS, MOMENTS, OUTSIDE = 0, slice(1, 5), slice(5, 15), 15
UPPER = np.triu_indices(NUM_TERMS)

# A label is 0 or 1, so y*y = y; without weights also w*w = w. What is left is summed once, and copied to its places.
_WEIGHTED = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 6, 9, 10, 11, 12, 13, 14])
_UNWEIGHTED = np.array([0, 0, 1, 2, 3, 0, 1, 2, 3, 1, 4, 5, 6, 7, 8, 9])


@dataclass(frozen=True, slots=True)
class Judged:
    """One column of scores, ready to be summed. Arrays are ``(num_rows,)``.

    Attributes:
        terms: ``(4, num_rows)``: weight, label, score and loss, times the weight; 0 where the row can't be used.
        used: Rows with a label, a weight and a finite score.
        outside: Used rows whose score is no probability.
        weighted: Whether there are weights.
        on_online: Against the online score; None for the online score itself.
        on_baseline: Against the baseline; None for the online score.
    """

    terms: Array
    used: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    weighted: bool
    on_online: RowComparison | None
    on_baseline: RowComparison | None

    def take(self, rows: Codes) -> Judged:
        """Some of the rows."""
        compared = (None if found is None else found.take(rows) for found in (self.on_online, self.on_baseline))
        return Judged(take_terms(self.terms, rows), self.used[rows], self.outside[rows], self.weighted, *compared)


def take_terms(terms: Array, rows: Codes) -> Array:
    """Terms of some rows, ``(4, len(rows))``; without labels there are none."""
    return terms.take(rows, axis=1) if terms.shape[1] else terms


def compact_columns(judged: Judged, *, labelled: bool) -> list[NDArray[Any]]:
    """Columns to be summed by cell: quality where the diff has a label, then the two comparisons.

    Args:
        judged: The variant's rows.
        labelled: Whether to sum what quality metrics need.
    """
    columns: list[NDArray[Any]] = []
    if labelled:
        weight, label, score, loss = judged.terms
        if judged.weighted:
            columns = [judged.used, weight, label, score, loss]
            columns += [weight * weight, weight * label, weight * score, weight * loss]
        else:
            columns = [judged.used, label, score, loss]
        columns += [label * score, label * loss, score * score, score * loss, loss * loss]
        columns.append(judged.outside)
    for found in (judged.on_online, judged.on_baseline):
        if found is not None:
            columns += [found.compared, found.mismatched, found.paired, np.abs(found.delta), found.delta]
    return columns


def spread_columns(sums: Array, *, labelled: bool, weighted: bool) -> Array:
    """Bring the sums of ``compact_columns``, ``(n, k)``, to the layout of a variant, ``(n, WIDTH)``."""
    spread = np.zeros((sums.shape[0], WIDTH))
    taken = 0
    if labelled:
        layout = _WEIGHTED if weighted else _UNWEIGHTED
        spread[:, :QUALITY_WIDTH] = sums[:, layout]
        taken = int(layout.max()) + 1
    rest = sums[:, taken:]
    spread[:, QUALITY_WIDTH : QUALITY_WIDTH + rest.shape[1]] = rest
    return spread


def full_moments(upper: Array) -> Array:
    """Symmetric matrices, ``(..., 4, 4)``, from their upper halves, ``(..., 10)``."""
    full = np.zeros((*upper.shape[:-1], NUM_TERMS, NUM_TERMS))
    full[..., UPPER[0], UPPER[1]] = upper
    full[..., UPPER[1], UPPER[0]] = upper
    return full
