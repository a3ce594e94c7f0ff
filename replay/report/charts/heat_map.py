"""The heat map of many variants: the mismatch rate over time, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replay.report.buckets import BucketStep, overall_rate
from replay.report.charts.geometry import mark_path
from replay.report.words.numbers import percent

LEVELS = ("0", "under 0.1%", "under 1%", "under 10%", "under 50%", "50% or more")
"""Levels of the mismatch rate."""
_LIMITS = (0.001, 0.01, 0.1, 0.5)


@dataclass(frozen=True)
class HeatRow:
    """A variant's row: for each level of the mismatch rate, the steps that have it."""

    variant: str
    overall: str
    paths: tuple[tuple[int, str], ...]


def heat_row(name: str, steps: Sequence[BucketStep | None]) -> HeatRow:
    """Draw a variant's row."""
    levels = [None if step is None else rate_level(step.rate or 0.0) for step in steps]
    paths = ((level, mark_path([each == level for each in levels])) for level in range(len(LEVELS)))
    return HeatRow(name, percent(overall_rate(steps)), tuple((level, path) for level, path in paths if path))


def rate_level(rate: float) -> int:
    """Index into `LEVELS` of a mismatch rate.

    >>> [rate_level(rate) for rate in (0.0, 0.0005, 0.1, 0.5)]
    [0, 1, 4, 5]
    """
    if rate == 0:
        return 0
    return next((level for level, limit in enumerate(_LIMITS, start=1) if rate < limit), len(_LIMITS) + 1)
