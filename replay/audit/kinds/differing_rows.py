"""Rows in which two tables differ in a feature, as the kinds look at them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.compare import Floats, Mask, as_floats, is_number, nulls
from replay.features.codecs.buffers import plain
from replay.features.codecs.numeric import is_list
from replay.features.codecs.vectors import is_vector
from replay.features.lists import take_apart

Places = NDArray[np.int64]

MOST: Final = 0.8
"""Share of the differing rows that a kind must hold for."""


@dataclass(frozen=True)
class DifferingRows:
    """Some rows of a feature, in each of which the two tables differ.

    Attributes:
        here: The traffic's values, ``(num_rows,)``.
        there: The other table's.
        categorical: Whether the model takes the values for names of things, which have no order and no unit.
        statuses: The other table's status of each value, where it has one.
        equal: The least and the largest number of the rows in which they do not differ, the larger one first where
            there is none; None where it is not known.
    """

    here: pa.Array
    there: pa.Array
    categorical: bool = False
    statuses: pa.Array | None = None
    equal: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.here)

    @property
    def both(self) -> Mask:
        """``(num_rows,)``, where neither is null."""
        return ~nulls(plain(self.here)) & ~nulls(plain(self.there))


@dataclass(frozen=True)
class PairedElements:
    """The elements of lists side by side, of rows in which they are as long.

    Attributes:
        here: ``(num_elements,)``.
        there: ``(num_elements,)``.
        row: ``(num_elements,)``, the row of each.
        compared: ``(num_rows,)``, rows whose elements these are.
    """

    here: pa.Array
    there: pa.Array
    row: Places
    compared: Mask

    def rows_where(self, holds: Mask) -> Mask:
        """``(num_rows,)``: rows in which something holds of every element."""
        found = self.compared.copy()
        found[self.row[~holds]] = False
        return found


@dataclass(frozen=True)
class NumberPairs:
    """The numbers of differing rows side by side: the elements where they are lists.

    Attributes:
        here: ``(num_pairs,)``, finite.
        there: ``(num_pairs,)``, finite or infinite.
        row: ``(num_pairs,)``, the row of each.
        whole: ``(num_rows,)``, rows whose numbers are all among the pairs.
    """

    here: Floats
    there: Floats
    row: Places
    whole: Mask

    def rows_where(self, holds: Mask) -> Mask:
        """``(num_rows,)``: rows in which something holds of every pair."""
        found = self.whole.copy()
        found[self.row[~holds]] = False
        return found

    @property
    def distinct(self) -> int:
        """How many different numbers are here."""
        return int(np.unique(self.here).size)

    @property
    def spread(self) -> float:
        """The median distance of the different numbers here from their median."""
        different = np.unique(self.here)
        return float(np.median(np.abs(different - np.median(different))))

    def hold_of_many(self, holds: Mask) -> bool:
        """Whether something holds of most pairs beside those of the commonest number here, and of two numbers of them.

        Of one number, any formula with a constant to choose holds.
        """
        numbers, place, counts = np.unique(self.here, return_inverse=True, return_counts=True)
        beside = place != np.argmax(counts) if numbers.size else np.zeros(0, dtype=np.bool_)
        told = holds & beside
        return bool(np.unique(place[told]).size > 1 and told.sum() >= MOST * beside.sum())


@dataclass(frozen=True)
class Match:
    """What a kind says of differing rows.

    Attributes:
        rows: ``(num_rows,)``, where it holds.
        details: What else it found out, by name.
    """

    rows: Mask
    details: dict[str, Any] = field(default_factory=dict)


def number_pairs(rows: DifferingRows) -> NumberPairs | None:
    """The numbers of rows side by side; None where a side has none."""
    here, there = plain(rows.here), plain(rows.there)
    if is_number(here.type) and is_number(there.type):
        one, other = as_floats(here), as_floats(there)
        usable = np.isfinite(one) & ~np.isnan(other)
        return NumberPairs(one[usable], other[usable], np.flatnonzero(usable), usable)
    elements = paired_elements(rows)
    if elements is None or not (is_number(elements.here.type) and is_number(elements.there.type)):
        return None
    one, other = as_floats(elements.here), as_floats(elements.there)
    usable = np.isfinite(one) & ~np.isnan(other)
    return NumberPairs(one[usable], other[usable], elements.row[usable], elements.rows_where(usable))


def paired_elements(rows: DifferingRows) -> PairedElements | None:
    """The elements of lists of the same length side by side; None where a side has no lists."""
    here, there = plain(rows.here), plain(rows.there)
    if not (_listed(here.type) and _listed(there.type)):
        return None
    one, other = take_apart(here), take_apart(there)
    same = rows.both & (one.lengths == other.lengths) & (one.lengths > 0)
    one, other = one.without(~same), other.without(~same)
    row, _ = one.places()
    return PairedElements(plain(one.elements()), plain(other.elements()), row, same)


def _listed(kind: pa.DataType) -> bool:
    return bool(is_list(kind) or is_vector(kind))
