"""The key: a fingerprint of a set of keys, and rows whose key is null or not their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replay.spark.sql import quoted
from replay.spark.types import readable_schema
from replay.traffic.paths import require_column
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

EXAMPLES = 3
_LOOKED_AT = 1000
_HASH = "hash"
_ROWS = "rows"
_NULLS = "nulls"


@dataclass(frozen=True)
class KeyFingerprint:
    """Stands for a multiset of keys in any order: over the ``xxhash64`` of each, as unsigned 64-bit numbers.

    Attributes:
        rows: How many.
        sum: Modulo 2^64.
        xor: Of all.
    """

    rows: int
    sum: int
    xor: int


def key_fingerprint(dataframe: DataFrame, key: Sequence[str]) -> KeyFingerprint:
    """Fingerprint the keys of a table in one pass.

    Args:
        dataframe: Of any table that has the key's columns with the types that Spark logged them in.
        key: Columns, or paths where no column has that name.
    """
    hashed = dataframe.select(key_hash(key_columns(dataframe, key)).alias(_HASH))
    return fingerprint_of(hashed.agg(*_hash_sums("1")).toArrow().to_pylist()[0])


def key_columns(dataframe: DataFrame, key: Sequence[str]) -> list[Column]:
    """The key's columns of a DataFrame."""
    from pyspark.sql import functions as F

    names = set(dataframe.columns)
    if names.issuperset(key):
        return [F.col(quoted(name)) for name in key]
    schema = readable_schema(dataframe)
    return [spark_column(require_column(schema, name)) for name in key]


def key_hash(columns: Sequence[Column]) -> Column:
    """A row's key as a signed 64-bit number."""
    from pyspark.sql import functions as F

    return F.xxhash64(*columns)


def any_null(columns: Sequence[Column]) -> Column:
    """Whether a part of the key is null."""
    null = columns[0].isNull()
    for column in columns[1:]:
        null = null | column.isNull()
    return null


def grouped_by_hash(dataframe: DataFrame, columns: Sequence[Column], *carried: Column) -> DataFrame:
    """Rows, and those of them with a null, by the hash of their key: of a key, however long, 8 bytes are shuffled."""
    from pyspark.sql import functions as F

    counts = [F.count("*").alias(_ROWS), F.count_if(any_null(columns)).alias(_NULLS)]
    return dataframe.groupBy(key_hash(columns).alias(_HASH)).agg(*counts, *carried)


def hash_sums() -> list[Column]:
    """Aggregations over :func:`grouped_by_hash`: the fingerprint, null keys, and hashes of several whole keys."""
    from pyspark.sql import functions as F

    whole = F.col(_ROWS) - F.col(_NULLS)
    return [
        *_hash_sums(_ROWS),
        F.sum(_NULLS).alias(_NULLS),
        F.sum(F.when(whole > 1, whole).otherwise(0)).alias("repeated_rows"),
        F.count_if(whole > 1).alias("repeated_keys"),
    ]


def _hash_sums(times: str) -> list[Column]:
    """Sum and xor of hashes that each stand for some rows.

    The two halves are added up apart, the lower one around zero, so that a long holds the sum of billions.
    """
    from pyspark.sql import functions as F

    high = f"sum(shiftright({_HASH}, 32) * {times}) AS high"
    low = f"sum((({_HASH} & 4294967295) - 2147483648) * {times}) AS low"
    odd = f"bit_xor(IF({times} % 2 = 1, {_HASH}, 0)) AS xor"
    return [F.expr(f"sum({times}) AS {_ROWS}"), F.expr(high), F.expr(low), F.expr(odd)]


def fingerprint_of(sums: dict[str, Any]) -> KeyFingerprint:
    """Put the aggregated halves together."""
    rows = sums[_ROWS] or 0
    total = ((sums["high"] or 0) << 32) + (sums["low"] or 0) + rows * 2**31
    return KeyFingerprint(rows=rows, sum=total % 2**64, xor=(sums["xor"] or 0) % 2**64)


def duplicate_examples(
    dataframe: DataFrame, columns: Sequence[Column], key: Sequence[str], grouped: DataFrame
) -> list[tuple[dict[str, Any], int]]:
    """Keys that several rows really share, and by how many each: the keys behind repeated hashes, compared exactly.

    Args:
        dataframe: The rows whose key has no null.
        columns: The key's.
        key: Names for them.
        grouped: Of :func:`grouped_by_hash`.

    Returns:
        At most :data:`EXAMPLES`, most rows first; none where only hashes collided.
    """
    from pyspark.sql import functions as F

    repeated = grouped.where(F.col(_ROWS) - F.col(_NULLS) > 1).orderBy(F.col(_ROWS).desc(), _HASH).limit(_LOOKED_AT + 1)
    hashes = [row[_HASH] for row in repeated.select(_HASH).toArrow().to_pylist()]
    found = _exact(dataframe.where(key_hash(columns).isin(hashes[:_LOOKED_AT])), columns, key)
    if not found and len(hashes) > _LOOKED_AT:
        return _exact(dataframe, columns, key)
    return found


def _exact(dataframe: DataFrame, columns: Sequence[Column], key: Sequence[str]) -> list[tuple[dict[str, Any], int]]:
    from pyspark.sql import functions as F

    names = [f"key {place}" for place in range(len(key))]
    named = [column.alias(name) for column, name in zip(columns, names, strict=True)]
    counted = dataframe.select(*named).groupBy(*(F.col(quoted(name)) for name in names)).agg(F.count("*").alias(_ROWS))
    shared = counted.where(F.col(_ROWS) > 1).orderBy(F.col(_ROWS).desc(), *(quoted(name) for name in names))
    rows = shared.limit(EXAMPLES).toArrow().to_pylist()
    return [({name: row[own] for name, own in zip(key, names, strict=True)}, row[_ROWS]) for row in rows]
