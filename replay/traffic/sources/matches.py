"""Rows of another table beside those of the traffic: which share a key, and whether each key is there once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from replay.errors import TrafficError
from replay.spark.errors import traffic_errors
from replay.spark.types import spark_struct
from replay.traffic.checks import duplicate_sentence, null_sentence, render_key
from replay.traffic.keys import EXAMPLES, any_null, duplicate_examples, grouped_by_hash, key_hash
from replay.traffic.paths import require_column
from replay.traffic.read.scan import selected_dataframe
from replay.traffic.selection import spark_column
from replay.traffic.sources.pinned_source import PinnedSource, as_source
from replay.traffic.sources.types import integer_range, key_type, needs_look

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

_FEW: Final = 0.95
"""Share of the traffic that most joins match."""
_HASH: Final = "hash"


@dataclass(frozen=True)
class SourceMatches:
    """How a source and the selected traffic meet.

    Attributes:
        rows_here: Rows of the traffic.
        rows_there: Rows of the source, each with a key of its own.
        matched: Rows of the traffic whose key the source has.
        unmatched_there: Rows of the source whose key no row of the traffic has.
        examples_here: Keys of the traffic that the source lacks.
        examples_there: The reverse; both by the source's key, as the traffic calls its columns.
    """

    rows_here: int
    rows_there: int
    matched: int
    unmatched_there: int
    examples_here: tuple[Mapping[str, Any], ...] = ()
    examples_there: tuple[Mapping[str, Any], ...] = ()

    @property
    def unmatched_here(self) -> int:
        """Rows of the traffic whose key the source lacks."""
        return self.rows_here - self.matched

    def warning(self, name: str) -> str | None:
        """What to say where few rows meet; None where most do.

        Args:
            name: Of the source.
        """
        if self.matched >= _FEW * self.rows_here:
            return None
        return (
            f"source `{name}` has a row for {self.matched:,} of the {self.rows_here:,} rows of the traffic"
            f"{self._for_example()}; the others keep what was logged"
        )

    def nothing(self, source: PinnedSource) -> str:
        """What to say where no row meets another."""
        if not self.rows_there:
            return f"{source.table.location} has no rows, or none that `sources.{source.name}` selects"
        return (
            f"no row of the traffic has one in {source.table.location} by its key{self._for_example()}: are times, "
            f"prefixes and letters written alike in both? See `sources.{source.name}.key`"
        )

    def _for_example(self) -> str:
        here, there = ([render_key(each) for each in some] for some in (self.examples_here, self.examples_there))
        parts = [f"none with {here[0]}"] if here else []
        parts += [f"but one with {there[0]}"] if there else []
        return f" ({', '.join(parts)})" if parts else ""


def key_columns_of(traffic: PinnedTraffic, source: PinnedSource) -> tuple[list[Column], list[Column]]:
    """The key's columns on both sides, in types in which they can be compared.

    Args:
        traffic: The pinned traffic.
        source: Nothing keeps it from being joined: see :func:`replay.traffic.sources.fits.key_problems`.

    Returns:
        Columns of the traffic's rows, and of the source's.
    """
    here, there = [], []
    for ours, theirs in source.config.key.items():
        mine, other = require_column(traffic.schema, ours), require_column(source.table.schema, theirs)
        common = key_type(mine.type, other.type)
        assert common is not None, "keys that cannot be compared are refused before"
        kind = spark_struct(pa.schema([("key", common)]))["key"].dataType
        here.append(spark_column(mine).cast(kind))
        there.append(spark_column(other).cast(kind))
    return here, there


def source_dataframe(spark: SparkSession, source: PinnedSource, columns: Sequence[str]) -> DataFrame:
    """The selected rows of a source.

    Args:
        spark: The session.
        source: The table.
        columns: Its columns or paths that are read beside the key.
    """
    schema = source.table.schema
    names = [*source.config.key.values(), *columns]
    return selected_dataframe(
        spark, source.table, list(dict.fromkeys(require_column(schema, name).root for name in names))
    )


def check_source(
    spark: SparkSession, traffic: PinnedTraffic, source: PinnedSource, types: Mapping[str, pa.DataType]
) -> SourceMatches:
    """Check that each key of a source is there once, and that its values fit; count the rows that meet.

    One aggregation over the hashes of both tables' keys, and one over the values that have to be looked at.

    Args:
        spark: The session.
        traffic: The pinned traffic.
        source: One that can be joined.
        types: Canonical types of the features whose values are taken.

    Raises:
        ConfigError: Null or repeated keys, no row that matches, or a value that the traffic's type has no place for;
            with examples, and the place of the source.
    """
    with as_source(source.name), traffic_errors(source.table.location):
        _refuse_values(spark, source, types)
        here, there = key_columns_of(traffic, source)
        roots = dict.fromkeys(require_column(traffic.schema, name).root for name in source.config.key)
        ours, theirs = selected_dataframe(spark, traffic, list(roots)), source_dataframe(spark, source, ())
        both = ours.select(*_hashed(here, there=False)).unionByName(theirs.select(*_hashed(there, there=True)))
        sums = both.groupBy(_HASH).agg(*_per_key()).agg(*_over_keys()).toArrow().to_pylist()[0]
        counts = {name: value or 0 for name, value in sums.items()}
        _refuse_keys(source, theirs, there, counts)
        found = SourceMatches(counts["rows_here"], counts["rows_there"], counts["matched"], counts["unmatched_there"])
        if found.matched < _FEW * found.rows_here:
            examples = _unmatched(ours, theirs, (here, there), tuple(source.config.key))
            found = replace(found, examples_here=examples[0], examples_there=examples[1])
        if found.rows_here and not found.matched:
            raise TrafficError(found.nothing(source))
        return found


def check_values(spark: SparkSession, source: PinnedSource, types: Mapping[str, pa.DataType]) -> None:
    """Check that values of a source fit, of one that is not joined.

    Args:
        spark: The session.
        source: The table.
        types: Canonical types of the features whose values are taken.

    Raises:
        ConfigError: A value that the traffic's type has no place for, with the place of the source.
    """
    with as_source(source.name), traffic_errors(source.table.location):
        _refuse_values(spark, source, types)


def _hashed(key: Sequence[Column], *, there: bool) -> list[Column]:
    """The hash of a row's key, null where a part of it is, which is nobody's key; and which table the row is of."""
    from pyspark.sql import functions as F

    return [F.when(~any_null(key), key_hash(key)).alias(_HASH), F.lit(there).alias("is_there")]


def _per_key() -> list[Column]:
    from pyspark.sql import functions as F

    return [F.count_if(~F.col("is_there")).alias("here"), F.count_if("is_there").alias("there")]


def _over_keys() -> list[Column]:
    from pyspark.sql import functions as F

    is_key, here, there = F.col(_HASH).isNotNull(), F.col("here"), F.col("there")
    return [
        F.sum(here).alias("rows_here"),
        F.sum(there).alias("rows_there"),
        F.sum(F.when(is_key & (there > 0), here)).alias("matched"),
        F.sum(F.when(~is_key | (here == 0), there)).alias("unmatched_there"),
        F.sum(F.when(~is_key, there)).alias("nulls"),
        F.sum(F.when(is_key & (there > 1), there)).alias("repeated_rows"),
        F.count_if(is_key & (there > 1)).alias("repeated_keys"),
    ]


def _refuse_keys(source: PinnedSource, theirs: DataFrame, key: Sequence[Column], counts: Mapping[str, int]) -> None:
    """Refuse null keys and such as several rows have: a row of the traffic would have several values."""
    names = tuple(source.config.key.values())
    messages = []
    if counts["nulls"]:
        named = [column.alias(f"key {place}") for place, column in enumerate(key)]
        rows = theirs.where(any_null(key)).select(*named).limit(EXAMPLES).toArrow().to_pylist()
        shown = "; ".join(render_key(dict(zip(names, row.values(), strict=True))) for row in rows)
        messages.append(null_sentence(counts["nulls"], shown))
    if counts["repeated_rows"]:
        examples = duplicate_examples(theirs.where(~any_null(key)), key, names, grouped_by_hash(theirs, key))
        messages.extend([duplicate_sentence(names, counts, examples)] if examples else [])
    if messages:
        hint = f"give `sources.{source.name}.key` columns that tell its rows apart, or remove these rows with `where`"
        raise TrafficError("\n".join([*messages, hint]))


def _unmatched(
    here: DataFrame, there: DataFrame, keys: tuple[Sequence[Column], Sequence[Column]], names: Sequence[str]
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """Some keys that one table has and the other lacks, of either."""
    sides = [
        frame.select(*(column.alias(f"key {place}") for place, column in enumerate(key)), *_hashed(key, there=False))
        for frame, key in zip((here, there), keys, strict=True)
    ]
    found = []
    for own, other in (sides, sides[::-1]):
        hashes = other.select(_HASH).where(f"{_HASH} is not null")
        rows = own.where(f"{_HASH} is not null").join(hashes, _HASH, "left_anti").orderBy(_HASH).limit(EXAMPLES)
        values = rows.drop(_HASH, "is_there").toArrow().to_pylist()
        found.append(tuple(dict(zip(names, row.values(), strict=True)) for row in values))
    return found[0], found[1]


def _refuse_values(spark: SparkSession, source: PinnedSource, types: Mapping[str, pa.DataType]) -> None:
    """Refuse values that the types of the traffic's columns have no place for."""
    from pyspark.sql import functions as F

    looked = {
        feature: path
        for feature, ours in types.items()
        if (path := source.column_of(feature)) is not None and needs_look(ours, path.type)
    }
    if not looked:
        return
    misfits = {feature: _misfit(spark_column(path), path.type, types[feature]) for feature, path in looked.items()}
    counted = [F.count_if(misfit).alias(f"count {place}") for place, misfit in enumerate(misfits.values())]
    shown = [
        F.first(F.when(misfit, spark_column(path).cast("string")), ignorenulls=True).alias(f"shown {place}")
        for place, (misfit, path) in enumerate(zip(misfits.values(), looked.values(), strict=True))
    ]
    rows = source_dataframe(spark, source, [path.name for path in looked.values()])
    found = rows.agg(*counted, *shown).toArrow().to_pylist()[0]
    messages = [
        f"`{path.name}` holds {found[f'shown {place}']}, which `{feature}` cannot: it is {types[feature]} in the "
        f"traffic ({found[f'count {place}']:,} rows)"
        for place, (feature, path) in enumerate(looked.items())
        if found[f"count {place}"]
    ]
    if messages:
        raise TrafficError("\n".join(messages))


def _misfit(column: Column, theirs: pa.DataType, ours: pa.DataType) -> Column:
    """Whether a value, or an element of a list, is no whole number within a type's range; a null is none."""
    from pyspark.sql import functions as F

    if pa.types.is_list(theirs):
        return F.exists(column, lambda element: _misfit(element, theirs.value_type, ours.value_type))
    low, high = integer_range(ours)
    if not pa.types.is_floating(theirs):
        return (column < low) | (column > high)
    # 2**63 is no double less one, but itself: a bound that is rounded up is left out.
    return F.isnan(column) | (column != F.floor(column)) | (column < float(low)) | (column >= float(high + 1))
