"""What the rows of one variant add to the sums of their slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diff.comparison import RowComparison
from replay.metrics.ratio.totals import all_terms

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

NUM_TERMS = len(all_terms())
_UPPER = [(left, right) for left in range(NUM_TERMS) for right in range(left, NUM_TERMS)]
"""Pairs of terms, each once: the upper half of the symmetric matrix of their products."""
_LAST = 1 + NUM_TERMS + len(_UPPER)

QUALITY_WIDTH = _LAST + 1
"""Rows, the terms' sums, their distinct second moments, rows outside [0, 1]."""
COMPARISON_WIDTH = 5
"""Compared, mismatched, finite pairs, sum of |delta|, sum of delta."""
WIDTH = QUALITY_WIDTH + 2 * COMPARISON_WIDTH
"""Columns of a variant: quality, against online, against the baseline."""
AGAINST_ONLINE, AGAINST_BASELINE = QUALITY_WIDTH, QUALITY_WIDTH + COMPARISON_WIDTH

ROWS, SUMS, MOMENTS, OUTSIDE = 0, slice(1, 1 + NUM_TERMS), slice(1 + NUM_TERMS, _LAST), _LAST

_WEIGHT, _LABEL = 0, 1
_PRODUCTS = [(left, right) for left, right in _UPPER if left > _WEIGHT and right > _LABEL]
"""Pairs of terms whose product has to be summed. A label is 0 or 1, so y*y = y; without weights also w*w = w."""


def _layout(*, weighted: bool) -> Codes:
    """For each column of quality, the column of ``compact_columns`` that holds its sum, ``(QUALITY_WIDTH,)``."""
    first = 1 if weighted else 0  # without weights, the number of rows is the sum of the weights too
    sums = list(range(first, first + NUM_TERMS))
    by_weight = [total + NUM_TERMS for total in sums] if weighted else sums
    places = {(_WEIGHT, term): place for term, place in enumerate(by_weight)}
    places[_LABEL, _LABEL] = by_weight[_LABEL]
    places |= {pair: by_weight[-1] + 1 + place for place, pair in enumerate(_PRODUCTS)}
    moments = [places[pair] for pair in _UPPER]
    return np.array([0, *sums, *moments, by_weight[-1] + 1 + len(_PRODUCTS)])


_LAYOUTS = {weighted: _layout(weighted=weighted) for weighted in (False, True)}


@dataclass(frozen=True, slots=True)
class Judged:
    """One column of scores, ready to be summed. Arrays are ``(num_rows,)``.

    Attributes:
        terms: ``(num_terms, num_rows)``: see ``replay.metrics.terms``; 0 where the row can't be used.
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
    """Terms of some rows, ``(num_terms, len(rows))``; without labels there are none."""
    return terms.take(rows, axis=1) if terms.shape[1] else terms


def compact_columns(judged: Judged, *, labelled: bool) -> list[NDArray[Any]]:
    """Columns to be summed by cell: quality where the diff has a label, then the two comparisons.

    Args:
        judged: The variant's rows.
        labelled: Whether to sum what quality metrics need.
    """
    columns: list[NDArray[Any]] = []
    if labelled:
        terms = judged.terms
        if judged.weighted:
            columns = [judged.used, *terms, *(terms[_WEIGHT] * term for term in terms)]
        else:
            columns = [judged.used, *terms[1:]]
        columns += [terms[left] * terms[right] for left, right in _PRODUCTS]
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
        layout = _LAYOUTS[weighted]
        spread[:, :QUALITY_WIDTH] = sums[:, layout]
        taken = int(layout.max()) + 1
    rest = sums[:, taken:]
    spread[:, QUALITY_WIDTH : QUALITY_WIDTH + rest.shape[1]] = rest
    return spread


def full_moments(upper: Array) -> Array:
    """Symmetric matrices, ``(..., num_terms, num_terms)``, from their upper halves."""
    full = np.zeros((*upper.shape[:-1], NUM_TERMS, NUM_TERMS))
    rows, columns = zip(*_UPPER, strict=True)
    full[..., rows, columns] = upper
    full[..., columns, rows] = upper
    return full
