"""Rows of a DataFrame that are exact copies of others, left out by Spark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from replay.spark.types import has_map, readable_schema

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_PARTITION_ROWS = 250_000
_UNKNOWN_PARTITIONS = 64


def without_copies(dataframe: DataFrame, key: Sequence[Column], rows: int | None) -> DataFrame:
    """One of each set of rows that agree in every column, in an order that the rows alone decide.

    Args:
        dataframe: The rows.
        key: The key's columns; of each key, rows come together.
        rows: How many there are, about; None where that is not known.
    """
    from pyspark.sql import functions as F

    names = dataframe.columns
    places = [f"c{place}" for place in range(len(names))]
    keys = [f"k{place}" for place in range(len(key))]
    keyed = dataframe.select("*", *(column.alias(name) for column, name in zip(key, keys, strict=True)))
    # By place: how a name is read depends on the session.
    numbered = keyed.toDF(*places, *keys)
    partitions = _UNKNOWN_PARTITIONS if rows is None else max(1, -(-rows // _PARTITION_ROWS))
    together = numbered.repartition(partitions, *keys)
    maps = [field.name for field in readable_schema(numbered) if has_map(field.type)]
    # Spark compares no maps.
    texts = {f"{name} text": F.to_json(F.struct(name)) for name in maps}
    compared = [*keys, *(name for name in places if name not in maps), *texts]
    distinct = together.withColumns(texts).dropDuplicates(compared) if texts else together.dropDuplicates(compared)
    return distinct.sortWithinPartitions(*keys).select(*places).toDF(*names)


def copies_sentence(copies: int) -> str:
    """What is said of rows that were left out.

    >>> copies_sentence(1), copies_sentence(1200)
    ('1 row is an exact copy of another: it is left out', '1,200 rows are exact copies of others: they are left out')
    """
    if copies == 1:
        return "1 row is an exact copy of another: it is left out"
    return f"{copies:,} rows are exact copies of others: they are left out"
