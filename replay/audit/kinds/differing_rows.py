"""Rows in which two tables differ in a feature, as the kinds look at them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.compare import Floats, Mask, as_floats, is_number, nulls
from replay.features.codecs.buffers import plain
from replay.features.codecs.numeric import is_list
from replay.features.codecs.vectors import is_vector
from replay.features.lists import take_apart

Places = NDArray[np.int64]


@dataclass(frozen=True)
class DifferingRows:
    """Some rows of a feature, in each of which the two tables differ.

    Attributes:
        here: The traffic's values, ``(num_rows,)``.
        there: The other table's.
        categorical: Whether the model takes the values for names of things, which have no order and no unit.
        statuses: The other table's status of each value, where it has one.
    """

    here: pa.Array
    there: pa.Array
    categorical: bool = False
    statuses: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.here)

    @property
    def both(self) -> Mask:
        """``(num_rows,)``, where neither is null."""
        return ~nulls(plain(self.here)) & ~nulls(plain(self.there))


@dataclass(frozen=True)
class NumberPairs:
    """The numbers of differing rows side by side: the elements where they are lists.

    Attributes:
        here: ``(num_pairs,)``, finite.
        there: ``(num_pairs,)``, finite.
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
        usable = np.isfinite(one) & np.isfinite(other)
        return NumberPairs(one[usable], other[usable], np.flatnonzero(usable), usable)
    if not (_listed(here.type) and _listed(there.type)):
        return None
    one_list, other_list = take_apart(here), take_apart(there)
    same = rows.both & (one_list.lengths == other_list.lengths) & (one_list.lengths > 0)
    parts = [each.without(~same) for each in (one_list, other_list)]
    elements = [plain(each.elements()) for each in parts]
    if not all(is_number(each.type) for each in elements):
        return None
    row, _ = parts[0].places()
    one, other = (as_floats(each) for each in elements)
    usable = np.isfinite(one) & np.isfinite(other)
    whole = same.copy()
    whole[row[~usable]] = False
    return NumberPairs(one[usable], other[usable], row[usable], whole)


def _listed(kind: pa.DataType) -> bool:
    return bool(is_list(kind) or is_vector(kind))
