"""The worst rows as they are shown: key, scores, logged features, and the command that follows the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from replay.report.summary.data import ReportData, WorstRow
from replay.report.summary.json_safe import json_safe
from replay.report.words.numbers import moment, number, signed

ROWS_SHOWN = 10
"""Rows shown of the baseline; a third of them for other variants."""
VARIANTS_SHOWN = 8
FEATURES_SHOWN = 200
_ELEMENTS_SHOWN = 6
_TEXT_SHOWN = 80

_KINDS = {
    "non_finite": "a score is not a finite number",
    "missing_online": "no online score",
    "missing_replayed": "no replayed score",
}


@dataclass(frozen=True)
class ShownFeature:
    """A logged value; `missing` where it is null or has nothing but nulls in it."""

    name: str
    value: str
    missing: bool


@dataclass(frozen=True)
class ShownRow:
    """One row."""

    key: str
    time: str
    online: str
    replayed: str
    delta: str
    kind: str
    features: tuple[ShownFeature, ...]
    features_left_out: int
    num_missing: int
    command: str


@dataclass(frozen=True)
class ShownRows:
    """A variant's worst rows."""

    variant: str
    rows: tuple[ShownRow, ...]
    left_out: int
    always_missing: tuple[str, ...]
    """Features that are null in every kept row of the variant, and there are at least two."""


def worst_row_tables(data: ReportData, baseline: str) -> tuple[ShownRows, ...]:
    """Lay out the worst rows: the baseline's first, then those of the other variants."""
    by_variant = {
        name: list(rows)
        for name, rows in groupby(sorted(data.worst_rows, key=lambda row: row.variant), key=lambda row: row.variant)
    }
    order = [name for name in (baseline, *data.summary.variants) if name in by_variant]
    return tuple(
        _shown_rows(name, by_variant[name], ROWS_SHOWN if name == baseline else ROWS_SHOWN // 3)
        for name in list(dict.fromkeys(order))[:VARIANTS_SHOWN]
    )


def _shown_rows(variant: str, rows: Sequence[WorstRow], limit: int) -> ShownRows:
    missing = [{name for name, value in row.features.items() if _is_missing(value)} for row in rows]
    always = set.intersection(*missing) if len(rows) > 1 else set()
    return ShownRows(
        variant=variant,
        rows=tuple(_shown_row(row) for row in rows[:limit]),
        left_out=max(len(rows) - limit, 0),
        always_missing=tuple(name for name in rows[0].features if name in always),
    )


def _shown_row(row: WorstRow) -> ShownRow:
    features = tuple(ShownFeature(name, show_value(value), _is_missing(value)) for name, value in row.features.items())
    return ShownRow(
        key=" ".join(f"{name}={value}" for name, value in row.key.items()),
        time=moment(row.time),
        online=number(row.online, 6),
        replayed=number(row.replayed, 6),
        delta=signed(row.delta),
        kind=_KINDS.get(row.kind, ""),
        features=features[:FEATURES_SHOWN],
        features_left_out=max(len(features) - FEATURES_SHOWN, 0),
        num_missing=sum(feature.missing for feature in features),
        command=row.command,
    )


def _is_missing(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_missing(item) for item in value)
    return value is None


def show_value(value: Any) -> str:
    """Render a logged value, a long one by its beginning and length.

    >>> show_value(None), show_value(0.25), show_value([1, 2, 3])
    ('null', '0.25', '[1, 2, 3]')
    >>> show_value(list(range(64)))
    '[0, 1, 2, 3, 4, 5, ...] (64 values)'
    """
    return _show(json_safe(value))


def _show(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        shown = ", ".join(_show(item) for item in value[:_ELEMENTS_SHOWN])
        return f"[{shown}]" if len(value) <= _ELEMENTS_SHOWN else f"[{shown}, ...] ({len(value)} values)"
    if isinstance(value, dict):
        return _show([f"{name}: {_show(item)}" for name, item in value.items()])
    text = str(value)
    return text if len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}... ({len(text)} characters)"
