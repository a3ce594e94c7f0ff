"""Which rows of a batch are selected, without Spark: those that fulfil ``where``, and those of the ``sample``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from replay.config import TrafficConfig
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.computed.evaluate import compute
from replay.traffic.paths import ColumnPath, find_column, require_column
from replay.xxh64 import hashes_as_spark, spark_xxhash64


class RowFilter(Protocol):
    """What a selected row fulfils."""

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level columns that it reads, logged and computed."""
        ...

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch do, (num_rows,) without nulls."""
        ...


@dataclass(frozen=True)
class ConditionFilter:
    """Rows for which a condition is true; one that is null does not hold.

    Attributes:
        condition: One that tasks evaluate.
    """

    condition: ComputedColumn

    @property
    def roots(self) -> tuple[str, ...]:
        """See :class:`RowFilter`."""
        return self.condition.reads

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """See :class:`RowFilter`.

        Raises:
            TrafficError: A row has no value.
        """
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        return pc.fill_null(compute(self.condition, arrays, batch.num_rows), False)


@dataclass(frozen=True)
class HashFilter:
    """Rows whose ``xxhash64``, as Spark has it, is below a threshold.

    Attributes:
        columns: What is hashed.
        threshold: Signed.
    """

    columns: tuple[ColumnPath, ...]
    threshold: int

    @property
    def roots(self) -> tuple[str, ...]:
        """See :class:`RowFilter`."""
        return tuple(dict.fromkeys(path.root for path in self.columns))

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """See :class:`RowFilter`."""
        return pa.array(spark_xxhash64([path.values(batch) for path in self.columns]) < self.threshold)


def sample_threshold(rate: float) -> int | None:
    """The signed 64-bit hash below which a row is in the sample; None where every row is.

    >>> sample_threshold(0.5), sample_threshold(1.0)
    (0, None)
    """
    share = int(Fraction(rate) * 2**64)
    return share - 2**63 if share < 2**64 else None


def sample_filter(schema: pa.Schema, config: TrafficConfig) -> HashFilter | None:
    """The config's ``sample`` over a table, or None where every row is in it.

    Raises:
        TrafficError: The table has no such column.
    """
    threshold = None if config.sample is None else sample_threshold(config.sample.rate)
    if threshold is None:
        return None
    return HashFilter(tuple(require_column(schema, name) for name in _hashed(config)), threshold)


def sample_obstacle(schema: pa.Schema, config: TrafficConfig) -> str | None:
    """Why only Spark can say which rows are in the ``sample``, or None."""
    if config.sample is None or sample_threshold(config.sample.rate) is None:
        return None
    found = {name: find_column(schema, name) for name in _hashed(config)}
    by_spark = (
        f"`traffic.sample`: only Spark hashes `{name}`, which is {path.type}"
        for name, path in found.items()
        if path is not None and not hashes_as_spark(path.type)
    )
    return next(by_spark, None)


def _hashed(config: TrafficConfig) -> Sequence[str]:
    return (config.sample.by if config.sample is not None else ()) or config.key
