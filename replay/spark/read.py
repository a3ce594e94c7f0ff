"""Reading files by Spark: exactly those that are pinned, whatever the session's settings say, and listings of paths.

Leans on: the option ``__globPaths__`` of Spark's file sources, which is none of the documented ones, and alone lets a
path have brackets and braces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.spark.sql import quoted
from replay.spark.types import readable_schema, spark_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_LISTING = ("path", "modificationTime", "length", "content")
_NO_GLOBS = ("__globPaths__", "false")  # brackets and braces in a path stand for themselves


def delta_dataframe(spark: SparkSession, path: str, version: int) -> DataFrame:
    """One version of a Delta table."""
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def files_dataframe(spark: SparkSession, root: str, paths: Sequence[str], schema: pa.Schema) -> DataFrame:
    """Exactly these Parquet files, under a schema; a missing or corrupt one is an error whatever the session says."""
    reader = spark.read.schema(spark_schema(schema)).option(*_NO_GLOBS)
    reader = reader.option("ignoreCorruptFiles", "false").option("ignoreMissingFiles", "false")
    if list(paths) != [root]:
        reader = reader.option("basePath", root)
    return reader.parquet(*paths)


def inferred_dataframe(spark: SparkSession, path: str) -> DataFrame:
    """Parquet that only Spark reaches, under the merged schema of all files."""
    return spark.read.option("mergeSchema", "true").parquet(path)


def list_with_spark(spark: SparkSession, path: str) -> tuple[list[dict[str, Any]], pa.Schema]:
    """List data files by Spark's own rules, without opening them.

    Returns:
        For each file ``path`` (as Spark writes it), ``length`` in bytes, ``modified`` in ns since 1970, and its typed
        partition values under ``values``; then the schema of the partition columns, as Spark infers their types.
    """
    from pyspark.sql import functions as F

    listing = spark.read.format("binaryFile").option(*_NO_GLOBS).load(path)
    partitions = readable_schema(listing.drop(*_LISTING))
    renamed = [F.col(quoted(name)).alias(f"partition {place}") for place, name in enumerate(partitions.names)]
    modified = (F.unix_micros("modificationTime") * 1000).alias("modified")
    table: pa.Table = listing.select("path", "length", modified, *renamed).toArrow()
    rows = []
    for row in table.to_pylist():
        values = {name: row.pop(f"partition {place}") for place, name in enumerate(partitions.names)}
        rows.append({**row, "values": values})
    return sorted(rows, key=lambda row: str(row["path"])), partitions
