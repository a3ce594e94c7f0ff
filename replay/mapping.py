"""``mapInArrow`` for DataFrames with columns of any name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


def map_batches(
    dataframe: DataFrame,
    function: Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]],
    schema: StructType | str,
) -> DataFrame:
    """Map partitions of Arrow batches; PySpark's own ``mapInArrow`` takes a dot in a column's name for a path.

    Args:
        dataframe: What goes in.
        function: Gets the batches of a partition, under the names of the DataFrame.
        schema: Of what it yields.
    """
    from pyspark.sql import functions as F

    names = dataframe.columns
    quoted = ("`" + name.replace("`", "``") + "`" for name in names)
    numbered = dataframe.select(*(F.col(name).alias(f"c{place}") for place, name in enumerate(quoted)))

    def named(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return function(batch.rename_columns(names) for batch in batches)

    return numbered.mapInArrow(named, schema)  # type: ignore[arg-type]
