"""Rows of a group brought together: each by a code, as Spark and as Arrow has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.sql import quoted
from replay.xxh64 import spark_xxhash64

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Grouping:
    """Which rows belong together, and which count. Picklable.

    An integer tells groups apart as it is, and sorts fastest; of other types 64 bits of hash do.

    Attributes:
        column: That names the group; rows where it is null are left out.
        code: What the column with the code is called.
        rejected: Column that is null in the rows that count, or None where all do.
    """

    column: str
    code: str
    rejected: str | None = None

    def reads(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Columns of the table that it takes to have some columns grouped, each once."""
        rejected = () if self.rejected is None else (self.rejected,)
        return tuple(dict.fromkeys((self.column, *rejected, *columns)))

    def coded(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        """The rows of a batch that count: their code, int64, and some columns."""
        kept = batch.column(self.column).is_valid()
        if self.rejected is not None:
            kept = pc.and_(kept, batch.column(self.rejected).is_null())
        batch = batch if kept.false_count == 0 else batch.filter(kept)
        group = batch.column(self.column)
        code = group.cast(pa.int64()) if pa.types.is_integer(group.type) else pa.array(spark_xxhash64([group]))
        return pa.RecordBatch.from_arrays([code, *(batch.column(name) for name in columns)], [self.code, *columns])

    def by_spark(self, dataframe: DataFrame, columns: Sequence[str]) -> DataFrame:
        """The same of a table that Spark reads, each group whole in a partition, and its rows neighbours there."""
        from pyspark.sql import functions as F
        from pyspark.sql import types as T

        group, code = F.col(quoted(self.column)), F.col(quoted(self.code))
        kept = dataframe.filter(group.isNotNull())
        if self.rejected is not None:
            kept = kept.filter(F.col(quoted(self.rejected)).isNull())
        whole = isinstance(dataframe.select(group).schema[0].dataType, T.IntegralType)
        codes = group.cast("bigint") if whole else F.xxhash64(group)
        coded = kept.select(codes.alias(self.code), *(quoted(name) for name in columns))
        return coded.repartition(code).sortWithinPartitions(code)
