"""The rows of the tables that a run leaves beside its scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import types as T

from replay.diagnosis.causes.find import Trial
from replay.diagnosis.causes.kind import describe
from replay.diff.job import Diff
from replay.report.summary.data import WorstRow
from replay.report.summary.json_safe import plain
from replay.spark.guest import arrow_dataframe
from replay.spark.types import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_DIFFS = T.StructType(
    [
        T.StructField("variant", T.StringType(), False),
        T.StructField("key", T.MapType(T.StringType(), T.StringType()), False),
        T.StructField("time", T.TimestampType()),
        T.StructField("online", T.DoubleType()),
        T.StructField("replayed", T.DoubleType()),
        T.StructField("delta", T.DoubleType()),
        T.StructField("features", T.MapType(T.StringType(), T.StringType()), False),
        T.StructField("command", T.StringType(), False),
    ]
)

_METRICS = T.StructType(
    [
        T.StructField("variant", T.StringType(), False),
        T.StructField("against", T.StringType()),
        T.StructField("slice", T.StringType(), False),
        T.StructField("bucket", T.TimestampType()),
        T.StructField("metric", T.StringType(), False),
        T.StructField("value", T.DoubleType()),
        T.StructField("low", T.DoubleType()),
        T.StructField("high", T.DoubleType()),
        T.StructField("rows", T.LongType(), False),
        T.StructField("reason", T.StringType()),
    ]
)


def diffs_table(spark: SparkSession, worst: Sequence[WorstRow]) -> DataFrame:
    """The ``diffs`` table: the worst rows of each variant; keys and features as text, lists and structs as JSON."""
    rows = [
        (row.variant, _texts(row.key), row.time, row.online, row.replayed, row.delta, _texts(row.features), row.command)
        for row in worst
    ]
    return _dataframe(spark, rows, _DIFFS)


def metrics_table(spark: SparkSession, diff: Diff) -> DataFrame:
    """The ``metrics`` table: a row per variant, slice, bucket and metric."""
    rows = [tuple(getattr(row, field.name) for field in _METRICS) for row in diff.result.metric_rows]
    return _dataframe(spark, rows, _METRICS)


def _texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(plain(value))


_HYPOTHESES = T.StructType(
    [
        T.StructField("incident", T.LongType(), False),
        T.StructField("kind", T.StringType(), False),
        T.StructField("hypothesis", T.StringType(), False),
        T.StructField("checkpoint", T.StringType(), False),
        T.StructField("features", T.ArrayType(T.StringType(), False), False),
        T.StructField("rows_tested", T.LongType(), False),
        T.StructField("explained_rate", T.DoubleType()),
        T.StructField("gain", T.DoubleType()),
        T.StructField("outcome", T.StringType(), False),
    ]
)


def hypotheses_table(spark: SparkSession, tried: Sequence[tuple[int, Trial]]) -> DataFrame:
    """The ``hypotheses`` table: everything that was tried as a cause, by the number of its incident."""
    rows = [
        (
            number,
            trial.hypothesis.kind,
            describe(trial.hypothesis),
            trial.hypothesis.checkpoint,
            list(trial.hypothesis.features),
            int(trial.rows_tested),
            float(trial.explained_rate),
            float(trial.gain),
            trial.outcome,
        )
        for number, trial in tried
    ]
    return _dataframe(spark, rows, _HYPOTHESES)


def _dataframe(spark: SparkSession, rows: Sequence[tuple[Any, ...]], struct: T.StructType) -> DataFrame:
    """Rows as a DataFrame, handed over in Arrow: of Python rows Spark would have a Python worker make the JVM's."""
    schema = arrow_schema(struct)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [
        pa.array([_map_entries(value) for value in column], field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return arrow_dataframe(spark, pa.Table.from_arrays(arrays, schema=schema), struct)


def _map_entries(value: Any) -> Any:
    """Arrow takes a map as its entries."""
    return list(value.items()) if isinstance(value, Mapping) else value
