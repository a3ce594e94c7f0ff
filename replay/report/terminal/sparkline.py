"""The mismatch rate over time in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from replay.report.buckets import bucket_series, make_grid, to_steps
from replay.report.summary.data import ReportData
from replay.report.words.numbers import percent, seconds, time_range

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.:-=+*#"
"""The same levels where the output's encoding has no block characters."""


def sparkline(data: ReportData, variant: str, width: int, *, unicode: bool) -> Sequence[Text]:
    """Draw a variant's mismatch rate with a line that explains it; nothing where no row differs or there is no time.

    Args:
        data: Of the run.
        variant: The variant to draw.
        width: Columns of the terminal.
        unicode: Whether the reader's encoding has block characters.
    """
    buckets = bucket_series(data.rows).get(variant, ())
    grid = make_grid({variant: buckets}, data.summary.bucket_seconds, max(width - 4, 20))
    if grid is None:
        return ()
    steps = to_steps(buckets, grid)
    peak = max((step.peak for step in steps if step), default=0.0)
    if peak == 0:
        return ()
    line = draw_levels([None if step is None else step.peak for step in steps], BLOCKS if unicode else ASCII)
    bucket = seconds((grid.width / grid.buckets).total_seconds())
    per = f"{bucket} bucket" if grid.buckets == 1 else f"{seconds(grid.width.total_seconds())} (worst {bucket} bucket)"
    title = f"mismatch rate per {per}, {time_range(grid.start, grid.end)} UTC, highest {percent(peak)}"
    return (Text(title, style="dim"), Text(line, style="red"), Text())


def draw_levels(values: Sequence[float | None], levels: str = BLOCKS) -> str:
    """Draw values from 0 to their maximum; only zero has the lowest level, and a gap is a space.

    >>> draw_levels([0.0, 0.001, None, 1.0])
    '▁▂ █'
    """
    top = max((value for value in values if value is not None), default=0.0)
    return "".join(" " if value is None else levels[_level(value, top, len(levels) - 1)] for value in values)


def _level(value: float, top: float, steps: int) -> int:
    return 0 if value <= 0 else min(max(math.ceil(value / top * steps), 1), steps)
