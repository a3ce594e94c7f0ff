"""The worst rows: key, scores, logged features, and the command that follows the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from replay.report.summary.data import ReportData, WorstRow
from replay.report.summary.json_safe import plain

ROWS_SHOWN = 10
"""Rows shown of the baseline; a third of them for other variants."""
VARIANTS_SHOWN = 8
_ELEMENTS_SHOWN = 6
_TEXT_SHOWN = 80

_KINDS = {
    "non_finite": "a score is not a finite number",
    "missing_online": "no online score",
    "missing_replayed": "no replayed score",
}


@dataclass(frozen=True)
class WorstRowTable:
    """A variant's worst rows."""

    variant: str
    rows: tuple[WorstRow, ...]
    left_out: int
    always_missing: tuple[str, ...]
    """Features that are null in every kept row of the variant, and there are at least two."""


def worst_row_tables(data: ReportData, baseline: str) -> tuple[WorstRowTable, ...]:
    """Lay out the worst rows: the baseline's first, then those of the other variants."""
    by_variant = {
        name: list(rows)
        for name, rows in groupby(sorted(data.worst_rows, key=lambda row: row.variant), key=lambda row: row.variant)
    }
    order = [name for name in (baseline, *data.summary.variants) if name in by_variant]
    return tuple(
        _worst_row_table(name, by_variant[name], ROWS_SHOWN if name == baseline else ROWS_SHOWN // 3)
        for name in list(dict.fromkeys(order))[:VARIANTS_SHOWN]
    )


def _worst_row_table(variant: str, rows: Sequence[WorstRow], limit: int) -> WorstRowTable:
    missing = [{name for name, value in row.features.items() if is_missing(value)} for row in rows]
    always = set.intersection(*missing) if len(rows) > 1 else set()
    return WorstRowTable(
        variant=variant,
        rows=tuple(rows[:limit]),
        left_out=max(len(rows) - limit, 0),
        always_missing=tuple(name for name in rows[0].features if name in always),
    )


def row_kind(row: WorstRow) -> str:
    """Why a row is listed that is not simply beyond the tolerance; else empty."""
    return _KINDS.get(row.kind, "")


def is_missing(value: Any) -> bool:
    """Whether a logged value is null, or a list with nothing but nulls in it."""
    if isinstance(value, list | tuple):
        return bool(value) and all(is_missing(item) for item in value)
    return value is None


def logged_value(value: Any) -> str:
    """Render a logged value, a long one by its beginning and length.

    >>> logged_value(None), logged_value(0.25), logged_value([1, 2, 3])
    ('null', '0.25', '[1, 2, 3]')
    >>> logged_value(list(range(64)))
    '[0, 1, 2, 3, 4, 5, ...] (64 values)'
    """
    return _text(plain(value, name_non_finite=True))


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        beginning = ", ".join(_text(item) for item in value[:_ELEMENTS_SHOWN])
        return f"[{beginning}]" if len(value) <= _ELEMENTS_SHOWN else f"[{beginning}, ...] ({len(value)} values)"
    if isinstance(value, dict):
        return _text([f"{name}: {_text(item)}" for name, item in value.items()])
    text = str(value)
    return text if len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}... ({len(text)} characters)"
