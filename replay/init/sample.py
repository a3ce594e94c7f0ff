"""A few thousand logged rows, and what they say of each column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import TrafficError
from replay.features import feature_column
from replay.init.leaves import Leaf, leaves


@dataclass(frozen=True)
class Facts:
    """What the sampled rows say of a column; of a list, what its elements are.

    Attributes:
        rows: Looked at.
        nulls: Rows in which it is null.
        inner_nulls: Nulls among the elements of lists.
        distinct: Different values that are not null.
        low: Least number, true as 1; None where there is none.
        high: Largest number.
        whole: Every number is whole.
        finite: Every number is finite.
        texts: The different values of text, the commonest first.
        lengths: Shortest and longest list; None for a scalar, or where every list is null.
    """

    rows: int
    nulls: int = 0
    inner_nulls: int = 0
    distinct: int = 0
    low: float | None = None
    high: float | None = None
    whole: bool = False
    finite: bool = True
    texts: tuple[str, ...] = ()
    lengths: tuple[int, int] | None = None

    @property
    def binary(self) -> bool:
        """Whether its numbers are 0 and 1 alone."""
        return self.whole and self.low is not None and self.low >= 0 and self.high is not None and self.high <= 1

    @property
    def all_null(self) -> bool:
        """Whether there are rows, and it is null in all of them."""
        return 0 < self.rows == self.nulls


class LoggedSample:
    """Sampled rows of a table.

    Args:
        batch: The rows, with every column.

    Attributes:
        batch: The rows.
        columns: What they hold, struct fields one by one.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.columns: tuple[Leaf, ...] = leaves(batch.schema)
        self._facts: dict[str, Facts] = {}

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return int(self.batch.num_rows)

    def facts(self, name: str) -> Facts:
        """What the rows say of a column.

        >>> sample = LoggedSample(pa.RecordBatch.from_pydict({"x": [1.0, None, 3.0]}))
        >>> sample.facts("x").nulls, sample.facts("x").high, sample.facts("x").whole
        (1, 3.0, True)
        """
        if name not in self._facts:
            self._facts[name] = self._look(name)
        return self._facts[name]

    def array(self, name: str) -> pa.Array:
        """A column's logged values, (num_rows,)."""
        return feature_column(self.batch, name)

    def numbers(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """A column of numbers, bools, or text that means such, as float64, (num_rows,); NaN where it is null."""
        array = _plain(self.array(name))
        if _is_text(array.type):
            return np.array([_number(text) for text in array.to_pylist()], np.float64)
        return np.asarray(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)

    @cached_property
    def kinds(self) -> dict[str, Leaf]:
        """Columns by name."""
        return {leaf.name: leaf for leaf in self.columns}

    def repeats(self, names: Sequence[str]) -> bool:
        """Whether two of the rows have the same values in these columns."""
        columns = [self.array(name) for name in names]
        table = pa.Table.from_arrays(columns, names=[str(place) for place in range(len(columns))])
        return len(table.group_by(table.column_names).aggregate([])) < len(table)

    def _look(self, name: str) -> Facts:
        leaf = self.kinds.get(name)
        try:
            array = _plain(self.array(name))
        except TrafficError:
            return Facts(self.num_rows)
        if leaf is None or leaf.kind == "other":
            return Facts(len(array), array.null_count)
        if not leaf.is_list:
            return _scalar_facts(array, len(array), array.null_count)
        lengths = pc.list_value_length(array).drop_null()
        elements = _plain(array.flatten())
        found = _scalar_facts(elements, len(array), array.null_count)
        seen = (int(pc.min(lengths).as_py()), int(pc.max(lengths).as_py())) if len(lengths) else None
        return Facts(**{**vars(found), "inner_nulls": elements.null_count, "lengths": seen})


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _number(text: str | None) -> float:
    """A number, or a bool, as it is written; NaN for anything else."""
    words = {"true": 1.0, "false": 0.0}
    try:
        return words[text.lower()] if text and text.lower() in words else float(text or "nan")
    except ValueError:
        return math.nan


def _scalar_facts(array: pa.Array, rows: int, nulls: int) -> Facts:
    kind = array.type
    if _is_text(kind):
        counts = array.drop_null().cast(pa.string()).value_counts().to_pylist()
        texts = tuple(entry["values"] for entry in sorted(counts, key=lambda entry: -entry["counts"]))
        return Facts(rows, nulls, distinct=len(texts), texts=texts)
    distinct = len(array.drop_null().unique())
    if pa.types.is_temporal(kind):
        return Facts(rows, nulls, distinct=distinct)
    values = np.asarray(pc.cast(array.drop_null(), pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Facts(rows, nulls, distinct=distinct, finite=not len(values))
    return Facts(
        rows,
        nulls,
        distinct=distinct,
        low=float(finite.min()),
        high=float(finite.max()),
        whole=bool((finite == np.floor(finite)).all()) and len(finite) == len(values),
        finite=len(finite) == len(values),
    )
