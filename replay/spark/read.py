"""Reading files by Spark: exactly those that are pinned, whatever the session's settings say, and listings of paths.

Leans on: the option ``__globPaths__`` of Spark's file sources, which is none of the documented ones, and alone lets a
path have brackets and braces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.errors import TrafficError
from replay.spark.file_systems import spark_url
from replay.spark.sql import quoted
from replay.spark.types import readable_schema, spark_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_LISTING = ("path", "modificationTime", "length", "content")
_ESCAPED = re.compile("%([0-9A-Fa-f]{2})")
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_NO_GLOBS = ("__globPaths__", "false")  # brackets and braces in a path stand for themselves


def delta_dataframe(spark: SparkSession, path: str, version: int, table: str | None = None) -> DataFrame:
    """One version of a Delta table.

    Args:
        spark: The session.
        path: Its directory.
        version: The version.
        table: Its name in the catalog, which may let nobody read the directory.
    """
    if table is not None:
        return spark.sql(f"SELECT * FROM {table} VERSION AS OF {version}")
    path = spark_url(spark, path, TrafficError)
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def files_dataframe(spark: SparkSession, root: str, paths: Sequence[str], schema: pa.Schema) -> DataFrame:
    """Exactly these Parquet files, under a schema; a missing or corrupt one is an error whatever the session says."""
    known = spark_url(spark, root, TrafficError)
    if known != root:
        scheme = known.partition(":")[0]
        root, paths = known, [f"{scheme}:{path.partition(':')[2]}" for path in paths]
    reader = spark.read.schema(spark_schema(schema)).option(*_NO_GLOBS)
    reader = reader.option("ignoreCorruptFiles", "false").option("ignoreMissingFiles", "false")
    if list(paths) != [root]:
        reader = reader.option("basePath", root)
    return reader.parquet(*paths)


def inferred_dataframe(spark: SparkSession, path: str) -> DataFrame:
    """Parquet that only Spark reaches, under the merged schema of all files."""
    path = spark_url(spark, path, TrafficError)
    return spark.read.option("mergeSchema", "true").parquet(path)


def list_with_spark(spark: SparkSession, path: str) -> tuple[list[dict[str, Any]], pa.Schema]:
    """List data files by Spark's own rules, without opening them.

    Returns:
        For each file ``path`` (as Spark writes it), ``length`` in bytes, ``modified`` in ns since 1970, and its typed
        partition values under ``values``; then the schema of the partition columns. They have the types that Spark
        infers, but text where a folder's name says more than its value: ``store=007`` is not 7, nor ``v=1.10`` 1.1.
    """
    from pyspark.sql import functions as F

    path = spark_url(spark, path, TrafficError)
    listing = spark.read.format("binaryFile").option(*_NO_GLOBS).load(path)
    partitions = readable_schema(listing.drop(*_LISTING))
    renamed = [F.col(quoted(name)).alias(f"partition {place}") for place, name in enumerate(partitions.names)]
    modified = (F.unix_micros("modificationTime") * 1000).alias("modified")
    table: pa.Table = listing.select("path", "length", modified, *renamed).toArrow()
    rows = []
    for row in table.to_pylist():
        values = {name: row.pop(f"partition {place}") for place, name in enumerate(partitions.names)}
        rows.append({**row, "values": values})
    return _faithful(sorted(rows, key=lambda row: str(row["path"])), partitions)


def _faithful(rows: list[dict[str, Any]], partitions: pa.Schema) -> tuple[list[dict[str, Any]], pa.Schema]:
    """Give the columns whose values do not give back what folders are called the folders' own text."""
    texts = [_partition_texts(str(row["path"]), len(partitions)) for row in rows]
    fields = []
    for place, field in enumerate(partitions):
        own = [text[place] for text in texts]
        if not _gives_back([row["values"][field.name] for row in rows], own):
            field = pa.field(field.name, pa.string())
            rows = [{**row, "values": {**row["values"], field.name: text}} for row, text in zip(rows, own, strict=True)]
        fields.append(field)
    return rows, pa.schema(fields)


def _partition_texts(path: str, count: int) -> list[str | None]:
    """What the last folders of a path are called behind ``name=``, as Spark undoes its escapes; None for null."""
    folders = path.split("/")[:-1][-count:] if count else []
    texts = [_ESCAPED.sub(lambda code: chr(int(code[1], 16)), folder.partition("=")[2]) for folder in folders]
    return [None if text == _NULL_PARTITION else text for text in texts]


def _gives_back(values: Sequence[Any], texts: Sequence[str | None]) -> bool:
    """Whether each value is written as its text, and texts that differ have values that do."""
    pairs = {(text, value) for text, value in zip(texts, values, strict=True) if text is not None}
    return all(text in _written(value) for text, value in pairs) and len({value for _, value in pairs}) == len(pairs)


def _written(value: Any) -> tuple[str, ...]:
    """The ways in which a value is plainly written."""
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f") if math.isfinite(value) else ""
        return (repr(value), plain, plain.removesuffix(".0"))
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(" ")
        short = text.rstrip("0") if value.microsecond else text
        return (text, short, short.replace(" ", "T"))
    return (format(value, "f") if isinstance(value, Decimal) else str(value),)
