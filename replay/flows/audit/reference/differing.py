"""Which features are distributed otherwise in two tables, and in which slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.audit.columns.cells import NULL_CELL
from replay.audit.columns.distributions import compare_distributions
from replay.audit.false_discovery import discoveries
from replay.audit.slices import ALL
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.reference.ordinary import of_like_size, ordinary_excess
from replay.report.summary.audits import Sides

Counts = NDArray[np.int64]
_LEAST_ROWS = 30
SURE: Final = 0.05


@dataclass(frozen=True)
class ComparedSlice:
    """A feature in one slice.

    Attributes:
        feature: Its name.
        label: Of the slice.
        here: The traffic's rows by cell.
        there: The other table's.
        p_value: Of their being of one distribution; NaN where there is nothing to compare.
    """

    feature: str
    label: str
    here: Counts
    there: Counts
    p_value: float

    @property
    def coverage(self) -> Sides:
        """Shares of rows with a value."""
        shares = [
            None if not counts.sum() else float(1 - counts[NULL_CELL] / counts.sum())
            for counts in (self.here, self.there)
        ]
        return Sides(shares[0], shares[1])

    @property
    def is_large(self) -> bool:
        """Whether it has rows enough, on both sides, to be told."""
        return bool(min(self.here.sum(), self.there.sum()) >= _LEAST_ROWS)


def compared_slices(found: UnjoinedAudit) -> dict[str, list[ComparedSlice]]:
    """Every feature in the slices that both tables have, all rows first."""
    return {name: _slices(found, name) for name in found.here.cells}


def differing_features(compared: dict[str, list[ComparedSlice]]) -> tuple[str, ...]:
    """Features that differ in any slice (Benjamini and Hochberg, over features and slices), in their order."""
    slices = [each for some in compared.values() for each in some]
    significant = discoveries(np.array([each.p_value for each in slices], dtype=np.float64))
    return tuple(dict.fromkeys(each.feature for each, is_found in zip(slices, significant, strict=True) if is_found))


def whole(slices: Sequence[ComparedSlice]) -> ComparedSlice:
    """Of a feature's slices, that of all rows."""
    return next(each for each in slices if each.label == ALL)


def clearest(slices: Sequence[ComparedSlice]) -> ComparedSlice:
    """Where a feature that differs does: in all rows, or in the slice where that is least like chance."""
    of_all = whole(slices)
    if of_all.p_value < SURE:
        return of_all
    return min(slices, key=lambda each: float(np.nan_to_num(each.p_value, nan=1.0)))


def _slices(found: UnjoinedAudit, name: str) -> list[ComparedSlice]:
    numbers, buckets = dict(found.there.slices.kept()), of_like_size(found.there.buckets_of(name))
    excess = ordinary_excess(found, name)
    made = []
    for label, place in found.here.slices.kept():
        if label in numbers:
            here, there = found.here.by_slice[name][place], found.there.by_slice[name][numbers[label]]
            p_value = compare_distributions(here, there, buckets, excess).p_value
            made.append(ComparedSlice(name, label, here, there, p_value))
    return made
