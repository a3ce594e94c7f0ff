"""The rows of the tables that a run leaves beside its scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from replay.diagnosis.causes.find import Trial
from replay.diagnosis.causes.kind import describe
from replay.diff.job import Diff
from replay.report.summary.data import WorstRow
from replay.report.summary.json_safe import plain
from replay.spark.types import list_of

_INSTANT = pa.timestamp("us", tz="UTC")
_TEXTS = pa.map_(pa.string(), pa.string())

_DIFFS = pa.schema(
    [
        pa.field("variant", pa.string(), nullable=False),
        pa.field("key", _TEXTS, nullable=False),
        pa.field("time", _INSTANT),
        pa.field("online", pa.float64()),
        pa.field("replayed", pa.float64()),
        pa.field("delta", pa.float64()),
        pa.field("features", _TEXTS, nullable=False),
        pa.field("command", pa.string(), nullable=False),
    ]
)

_METRICS = pa.schema(
    [
        pa.field("variant", pa.string(), nullable=False),
        pa.field("against", pa.string()),
        pa.field("slice", pa.string(), nullable=False),
        pa.field("bucket", _INSTANT),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("positives", pa.int64()),
    ]
)


def diffs_table(worst: Sequence[WorstRow]) -> pa.Table:
    """The ``diffs`` table: the worst rows of each variant; keys and features as text, lists and structs as JSON."""
    rows = [
        (row.variant, _texts(row.key), row.time, row.online, row.replayed, row.delta, _texts(row.features), row.command)
        for row in worst
    ]
    return _table(rows, _DIFFS)


def metrics_table(diff: Diff) -> pa.Table:
    """The ``metrics`` table: a row per variant, slice, bucket and metric."""
    rows = [tuple(getattr(row, field.name) for field in _METRICS) for row in diff.result.metric_rows]
    return _table(rows, _METRICS)


def _texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(plain(value))


_HYPOTHESES = pa.schema(
    [
        pa.field("incident", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("hypothesis", pa.string(), nullable=False),
        pa.field("checkpoint", pa.string(), nullable=False),
        pa.field("features", list_of(pa.string()), nullable=False),
        pa.field("rows_tested", pa.int64(), nullable=False),
        pa.field("explained_rate", pa.float64()),
        pa.field("gain", pa.float64()),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("equivalence", pa.string()),
    ]
)


def hypotheses_table(tried: Sequence[tuple[int, Trial]]) -> pa.Table:
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
            trial.equivalence,
        )
        for number, trial in tried
    ]
    return _table(rows, _HYPOTHESES)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [
        pa.array([_map_entries(value) for value in column], field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _map_entries(value: Any) -> Any:
    """Arrow takes a map as its entries."""
    return list(value.items()) if isinstance(value, Mapping) else value
