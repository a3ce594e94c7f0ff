"""The tables of an audit: what was found of each feature, and rows in which features differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from replay.audit.slices import ALL
from replay.flows.audit.pairing import KEY, TIME
from replay.flows.audit.summarize import JoinedAudit, coverage_of
from replay.report.summary import Summary
from replay.report.summary.audits import AuditSummary, DifferenceCost, FeatureAudit
from replay.report.summary.json_safe import plain
from replay.report.words.commands import row_command

_INSTANT = pa.timestamp("us", tz="UTC")
EXAMPLES: Final = 20
"""Differing rows of a feature that the table has."""

FEATURES_SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("time", _INSTANT),
        pa.field("audit", pa.string(), nullable=False),
        pa.field("against", pa.string(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("feature", pa.string(), nullable=False),
        pa.field("slice", pa.string(), nullable=False),
        pa.field("bucket", _INSTANT),
        pa.field("stat", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("kind", pa.string()),
    ]
)

DIFFERENCES_SCHEMA = pa.schema(
    [
        pa.field("audit", pa.string(), nullable=False),
        pa.field("key", pa.map_(pa.string(), pa.string()), nullable=False),
        pa.field("time", _INSTANT),
        pa.field("feature", pa.string(), nullable=False),
        pa.field("here", pa.string()),
        pa.field("there", pa.string()),
        pa.field("age_seconds", pa.float64()),
        pa.field("status", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("command", pa.string(), nullable=False),
    ]
)

_Stat = tuple[str, str, str, float | None, float | None, float | None, int]


def features_table(joined: Sequence[JoinedAudit], audits: Mapping[str, AuditSummary], summary: Summary) -> pa.Table:
    """The rows that a run adds to the ``features`` table: a row per audit, feature, side, slice and statistic.

    Args:
        joined: What was found.
        audits: What the summary says of it, by name.
        summary: Of the run.
    """
    rows = []
    for each in joined:
        audit = audits[each.name]
        told = {entry.feature: entry for entry in audit.features}
        for name in each.compared:
            entry = told.get(name)
            kind = None if entry is None else entry.kind
            head = (summary.run_id, summary.started, each.name, audit.against)
            for side, slice_, stat, value, low, high, num_rows in _stats(each, name, entry):
                rows.append((*head, side, name, slice_, None, stat, value, low, high, num_rows, kind))
    return _table(rows, FEATURES_SCHEMA)


def _stats(joined: JoinedAudit, name: str, told: FeatureAudit | None) -> Iterator[_Stat]:
    """Side, slice, statistic, value, low, high and rows of all that is known of a feature."""
    counts = joined.found.features[name]
    for label, place in joined.found.slices.kept():
        if place >= len(counts.counts) or not (rows := int(counts.counts[place].sum())):
            continue
        sides = coverage_of(counts, place)
        yield "here", label, "coverage", sides.here, None, None, rows
        yield "there", label, "coverage", sides.there, None, None, rows
        low, high = (told.mismatch_rate_low, told.mismatch_rate_high) if told and label == ALL else (None, None)
        yield "both", label, "mismatch_rate", int(counts.differing[place].sum()) / rows, low, high, rows
    if told is not None:
        rows = joined.found.rows
        yield "both", ALL, "alarm", float(told.alarm), None, None, rows
        yield from (("both", ALL, *stat, rows) for stat in _costs(told.cost))


def _costs(cost: DifferenceCost) -> Iterator[tuple[str, float | None, float | None, float | None]]:
    yield "cost_mean_abs", cost.mean_abs, None, None
    for stat in ("ne_increase", "auc_drop", "calibration_shift"):
        found = getattr(cost, stat)
        if found is not None:
            yield f"cost_{stat}", found.value, found.low, found.high


def differences_table(joined: Sequence[JoinedAudit], output: str, flags: Sequence[str]) -> pa.Table:
    """The ``feature_differences`` table: some rows of each feature that differs, and the command that shows each.

    Args:
        joined: What was found.
        output: Of the run.
        flags: What the run was given that the command needs as well.
    """
    rows = [
        (each.name, *row)
        for each in joined
        for named in each.differences
        for row in _examples(each, named.feature, named.difference.kind, output, flags)
    ]
    return _table(rows, DIFFERENCES_SCHEMA)


def _examples(
    joined: JoinedAudit, feature: str, kind: str, output: str, flags: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    table = joined.found.examples[feature].rows()
    for row in [] if table is None else table.slice(0, EXAMPLES).to_pylist():
        key = {name.removeprefix(KEY): value for name, value in row.items() if name.startswith(KEY)}
        event, computed = row.get(TIME), row.get("@value_time")
        age = None if event is None or computed is None else event / 1e6 - computed.timestamp()
        texts = {name: _text(value) for name, value in key.items()}
        yield (
            list(texts.items()),
            event,
            feature,
            _text(row["@here"]),
            _text(row["@there"]),
            age,
            row.get("@status"),
            kind,
            row_command(output, key, flags),
        )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(plain(value, name_non_finite=True))


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
