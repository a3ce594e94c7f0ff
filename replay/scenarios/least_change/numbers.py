"""Numbers: nulls and NaN by share, all others by the monotone map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values, null_mask
from replay.features.codecs.decimals import decimal_to_floats
from replay.hashing import Keys
from replay.metrics.histogram import Histogram
from replay.scenarios.least_change.base import MOST_CELLS, ColumnSummary, LeastChange, random_share
from replay.scenarios.least_change.coupling import MaximalCoupling
from replay.scenarios.least_change.monotone import MonotoneMap
from replay.scenarios.numbers import map_numbers

_NULL: Final = 0
_NAN: Final = 1
_NUMBER: Final = 2

Floats = npt.NDArray[np.float64]


class NumberSummary(ColumnSummary):
    """Of numbers and bools; NaN is counted apart."""

    def __init__(self, form: pa.DataType, most: int = MOST_CELLS) -> None:
        super().__init__(form, most)
        self.nans = 0
        self._numbers = Histogram(1, max_bins=most)

    @property
    def marks(self) -> npt.NDArray[np.int64]:
        """(3,) rows that are null, NaN and a number."""
        return np.array([self.nulls, self.nans, self.rows - self.nulls - self.nans])

    def _count(self, values: pa.Array) -> None:
        numbers = to_floats(values)
        numbers = numbers[~np.isnan(numbers)]
        self.nans += len(values) - len(numbers)
        self._numbers.add(numbers, np.zeros(len(numbers), np.int64))

    def _add(self, other: Self) -> None:
        self.nans += other.nans
        self._numbers.merge(other._numbers)

    def _change(self, reference: Self) -> LeastChange:
        marks = MaximalCoupling.between(self.marks, reference.marks)
        return NumberChange(
            marks, _share(self), _share(reference), MonotoneMap.between(self._numbers, reference._numbers)
        )


def _share(summary: NumberSummary) -> float:
    """Share of the rows with a number."""
    return float(summary.marks[_NUMBER] / summary.rows)


@dataclass(frozen=True)
class NumberChange(LeastChange):
    """First which rows have a number at all; then the numbers of those that had one and keep one.

    Attributes:
        marks: Between null, NaN and a number.
        here: Share of the rows with a number.
        there: The same of the reference.
        numbers: Between numbers.
    """

    marks: MaximalCoupling
    here: float
    there: float
    numbers: MonotoneMap

    @property
    def moved(self) -> float:
        """See :attr:`LeastChange.moved`."""
        kept = min(self.here, self.there)
        return self.marks.moved + (kept * self.numbers.moved if kept else 0.0)

    def apply(self, values: pa.Array, randoms: Keys) -> pa.Array:
        """See :meth:`LeastChange.apply`; a number of the reference is rounded to what the type holds."""
        null = null_mask(values)
        nothing = pa.scalar(False if pa.types.is_boolean(values.type) else 0, values.type)
        filled = values if null is None else pc.fill_null(values, nothing)
        marks = np.where(np.isnan(to_floats(filled)), _NAN, _NUMBER)
        if null is not None:
            marks[null] = _NULL
        chosen = self.marks.choose(marks, random_share(randoms, "leave"), random_share(randoms, "mark"))
        changed = map_numbers(filled, lambda numbers: self._numbers(numbers, marks, chosen, randoms))
        gone = chosen == _NULL
        return pc.if_else(pa.array(gone), pa.scalar(None, values.type), changed) if gone.any() else changed

    def _numbers(
        self, before: Floats, marks: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64], randoms: Keys
    ) -> Floats:
        """Values as floats, by what a row had and is to have, (k,); anything where it is to be null."""
        after = before.copy()
        after[(chosen == _NAN) & (marks != _NAN)] = np.nan
        shares = random_share(randoms, "rank")
        kept, drawn = ((chosen == _NUMBER) & had for had in (marks == _NUMBER, marks != _NUMBER))
        after[kept] = self.numbers.map(before[kept], shares[kept])
        after[drawn] = self.numbers.draw(shares[drawn])
        return after


def to_floats(values: pa.Array) -> Floats:
    """Numbers or bools as float64, (n,); none may be null."""
    if len(values) == 0:
        return np.zeros(0)
    if pa.types.is_decimal(values.type):
        return decimal_to_floats(values)
    return fixed_width_values(values, NUMPY_TYPES[values.type]).astype(np.float64)
