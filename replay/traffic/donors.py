"""Rows whose values other rows are given: a bounded sample of the selected traffic, drawn by hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from replay.spark.errors import traffic_errors
from replay.traffic.paths import require_column
from replay.traffic.read.scan import scannable_roots, selected_dataframe
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

_HASH: Final = "hash"
_BUCKET_BITS: Final = 12
_PURPOSE: Final = "donors"


def draw_donors(
    spark: SparkSession,
    traffic: PinnedTraffic,
    columns: Sequence[str],
    key: Sequence[str],
    most: int = 65_536,
    seed: int = 0,
) -> pa.Table:
    """Draw rows of the selected traffic, every row as likely as any other: those whose keys have the smallest hashes.

    The hash is of the seed and the key alone, so the same rows are drawn whatever the files and partitions, and a
    larger ``most`` only adds rows. A first pass over the key's columns finds how small is small enough, so that tasks
    hold and shuffle little more than what is drawn.

    Args:
        spark: The session.
        traffic: The pinned table.
        columns: Features: columns, or paths into structs and maps.
        key: Columns that identify a row.
        most: Rows that are drawn, where there are so many.
        seed: Another one draws other rows.

    Returns:
        ``min(most, selected rows)`` rows by increasing hash: the key's columns and the features, each under its own
        name and in its logged type (a feature of nanoseconds is cut to microseconds).

    Raises:
        ConfigError: ``traffic.where`` is not valid.
        TrafficError: A column is not there, or of a type that Spark does not have at all.
    """
    from pyspark.sql import functions as F

    paths = [require_column(traffic.schema, name) for name in dict.fromkeys([*key, *columns])]
    keys = [require_column(traffic.schema, name) for name in key]
    roots = scannable_roots(traffic, [*key, *columns])
    hashed = F.xxhash64(F.lit(_PURPOSE), F.lit(seed), *(spark_column(path) for path in keys)).alias(_HASH)
    with traffic_errors(traffic.location):
        hashes = selected_dataframe(spark, traffic, list(dict.fromkeys(path.root for path in keys))).select(hashed)
        last = _last_bucket(hashes, most)
        values = [spark_column(path).alias(f"c{place}") for place, path in enumerate(paths)]
        rows = selected_dataframe(spark, traffic, roots).select(hashed, *values)
        drawn = rows.where(_bucket() <= last).orderBy(_HASH).limit(most).drop(_HASH).toArrow()
    schema = pa.schema([pa.field(path.name, path.type) for path in paths])
    return drawn.rename_columns(schema.names).cast(schema)


def _bucket() -> Column:
    """The first bits of the hash, as a number that grows with it."""
    from pyspark.sql import functions as F

    return F.shiftright(_HASH, 64 - _BUCKET_BITS)


def _last_bucket(hashes: DataFrame, most: int) -> int:
    """The bucket up to which there are ``most`` hashes; the largest one where there are fewer."""
    from pyspark.sql import functions as F

    counts = hashes.groupBy(_bucket().alias("bucket")).agg(F.count("*").alias("rows")).toArrow()
    counts = counts.sort_by("bucket")
    enough = np.flatnonzero(np.cumsum(counts["rows"].to_numpy()) >= most)
    return int(counts["bucket"][int(enough[0])].as_py()) if len(enough) else 2 ** (_BUCKET_BITS - 1)
