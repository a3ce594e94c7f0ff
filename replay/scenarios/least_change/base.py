"""What a column's summary and a least change are, whatever the column holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.hashing import Keys, salted, uniform

MOST_CELLS: Final = 65_536
"""Different values of a column that are counted one by one; of more, cells of neighbours are."""


class ColumnSummary(ABC):
    """The distribution of a column, in bounded memory; the same whatever the batches, the parts and their order.

    Args:
        form: The working type of the values, see :func:`replay.scenarios.forms.working_type`.
        most: Cells that are kept.

    Attributes:
        rows: All rows.
        nulls: Rows that are null.
    """

    def __init__(self, form: pa.DataType, most: int = MOST_CELLS) -> None:
        self.form = form
        self.most = most
        self.rows = 0
        self.nulls = 0

    def update(self, values: pa.Array) -> None:
        """Count rows.

        Args:
            values: (n,) of the working type.

        Raises:
            ValueError: They are of another type.
        """
        if values.type != self.form:
            raise ValueError(f"found values of {values.type} in a summary of {self.form}: cast them first")
        self.rows += len(values)
        self.nulls += values.null_count
        self._count(values.drop_null())

    def merge(self, other: Self) -> None:
        """Count the rows of another summary too; ``other`` stays as it is.

        Raises:
            ValueError: It is of another kind, type or bound.
        """
        self._require_same(other)
        self.rows += other.rows
        self.nulls += other.nulls
        self._add(other)

    def change_to(self, reference: Self) -> LeastChange:
        """The least change that gives these rows the reference's distribution.

        Args:
            reference: A summary of other rows, of the same kind, type and bound.

        Raises:
            ValueError: It is of another kind, type or bound, or one of the two has no row.
        """
        self._require_same(reference)
        if not (self.rows and reference.rows):
            raise ValueError("a distribution of no rows is none: leave out what has none")
        return self._change(reference)

    def _require_same(self, other: ColumnSummary) -> None:
        mine, its = ((type(one).__name__, one.form, one.most) for one in (self, other))
        if mine != its:
            raise ValueError(f"found {its}, expected {mine}: summarize both columns alike")

    @abstractmethod
    def _count(self, values: pa.Array) -> None:
        """Count values, none null."""

    @abstractmethod
    def _add(self, other: Self) -> None:
        """Add another's counts of values."""

    @abstractmethod
    def _change(self, reference: Self) -> LeastChange:
        """See :meth:`change_to`; both have rows."""


class LeastChange(ABC):
    """What becomes of the values of a column. Small and picklable."""

    @property
    @abstractmethod
    def moved(self) -> float:
        """The expected share of the rows whose value changes, of rows distributed as those that were summarized."""

    @abstractmethod
    def apply(self, values: pa.Array, randoms: Keys) -> pa.Array:
        """Change the values of some rows, each by itself.

        Args:
            values: (k,) of the working type.
            randoms: (k,) 64 random bits of each row. The same bits and value give the same answer.

        Returns:
            (k,) of the same type; what does not move keeps all its digits.
        """


def random_share(randoms: Keys, tag: str) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each row, (k,); of other tags, independent ones."""
    return uniform(randoms, salted(0, "least change", tag))
