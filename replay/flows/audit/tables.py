"""The tables of an audit: what was found of each feature, and rows in which features differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from replay.audit.slices import ALL
from replay.flows.audit.column_states.rows import StatRow, state_rows
from replay.flows.audit.distributions import UnjoinedAudit
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


def features_table(
    joined: Sequence[JoinedAudit],
    counted: Sequence[UnjoinedAudit],
    audits: Mapping[str, AuditSummary],
    summary: Summary,
) -> pa.Table:
    """The rows that a run adds to the ``features`` table: a row per audit, feature, side, slice, bucket and statistic.

    Args:
        joined: What was found of joined rows.
        counted: What was found of columns, of every audit.
        audits: What the summary says of it, by name.
        summary: Of the run.
    """
    by_name = {each.name: each for each in joined}
    rows: list[tuple[Any, ...]] = []
    for found in counted:
        audit = audits[found.name]
        told = {entry.feature: entry for entry in audit.features}
        head = (summary.run_id, summary.started, found.name, audit.against)
        for name in found.compared:
            entry = told.get(name)
            for stat in _stats(found, by_name.get(found.name), name, entry):
                values = (stat.stat, stat.value, stat.low, stat.high, stat.rows)
                kind = None if entry is None else entry.kind
                rows.append((*head, stat.side, name, stat.slice, stat.bucket, *values, kind))
    return _table(rows, FEATURES_SCHEMA)


def _stats(found: UnjoinedAudit, joined: JoinedAudit | None, name: str, told: FeatureAudit | None) -> Iterator[StatRow]:
    """All that is known of a feature."""
    if joined is not None:
        yield from _joined(joined, name, told)
    if name in found.here.cells:
        yield from state_rows(found, name, coverage=joined is None)
    if told is not None:
        rows = found.here.rows if joined is None else joined.found.rows
        yield StatRow("both", ALL, "alarm", float(told.alarm), None, None, rows)
        yield from (StatRow("both", ALL, *stat, rows) for stat in _costs(told.cost))


def _joined(joined: JoinedAudit, name: str, told: FeatureAudit | None) -> Iterator[StatRow]:
    """Coverage and mismatches of the joined rows, by slice."""
    counts = joined.found.features[name]
    for label, place in joined.found.slices.kept():
        if place >= len(counts.counts) or not (rows := int(counts.counts[place].sum())):
            continue
        sides = coverage_of(counts, place)
        yield StatRow("here", label, "coverage", sides.here, None, None, rows)
        yield StatRow("there", label, "coverage", sides.there, None, None, rows)
        low, high = (told.mismatch_rate_low, told.mismatch_rate_high) if told and label == ALL else (None, None)
        yield StatRow("both", label, "mismatch_rate", int(counts.differing[place].sum()) / rows, low, high, rows)


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
