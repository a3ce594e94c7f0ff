"""Charts over time: mismatch rate by variant, mean scores, row volume, on one axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from replay.report.buckets import (
    Bucket,
    BucketStep,
    Grid,
    bucket_series,
    end_of,
    make_grid,
    overall_rate,
    to_steps,
)
from replay.report.charts.geometry import (
    AxisScale,
    Tick,
    area_path,
    line_path,
    mark_path,
    nice_ceiling,
    padded,
    time_ticks,
)
from replay.report.charts.heat_map import LEVELS, HeatRow, heat_row
from replay.report.summary import Incident
from replay.report.summary.data import ReportData
from replay.report.verdict import Verdict
from replay.report.words.causes import cause_words
from replay.report.words.numbers import count, number, percent, seconds, short_count, signed, time_range

MAX_STEPS = 360
MAX_PANELS = 6
"""More variants than that are drawn as a heat map."""
HOTTEST = 10
"""Buckets in the table below the charts."""
_NUMBER_WIDTH = 0.025
"""Share of the width that a number takes."""

Steps = Sequence[BucketStep | None]


@dataclass(frozen=True)
class TimelineCurve:
    """A drawn series; `style` is the name of its look."""

    name: str
    style: str
    path: str


@dataclass(frozen=True)
class Panel:
    """One chart on the time axis."""

    kind: str
    title: str
    note: str
    curves: tuple[TimelineCurve, ...]
    ticks: tuple[Tick, ...]
    clean: bool = False
    """Whether there is nothing to see, since no row differs."""


@dataclass(frozen=True)
class MarkedRange:
    """A band; `left` and `width` are shares of the axis."""

    left: float
    width: float
    label: str
    mark: str
    """The incident's number; empty where it is none."""
    level: int
    """Numbers that would cover each other are on levels of their own, 0 at the top."""


@dataclass(frozen=True)
class Lane:
    """The times of one cause."""

    mark: str
    """The number of its incident."""
    name: str
    ranges: tuple[MarkedRange, ...]

    @property
    def end(self) -> float:
        """Where the last of them ends, a share of the axis."""
        return max(one.left + one.width for one in self.ranges)


@dataclass(frozen=True)
class Timeline:
    """Everything over time."""

    panels: tuple[Panel, ...]
    heat: tuple[HeatRow, ...]
    heat_levels: tuple[tuple[int, str], ...]
    times: tuple[Tick, ...]
    runs: tuple[MarkedRange, ...]
    """Time ranges that the verdict names."""
    lanes: tuple[Lane, ...]
    """Causes that hold at other times than their incident."""
    numbered: bool
    """Whether they are incidents, by their numbers."""
    resolution: str
    hottest: tuple[Bucket, ...]
    """The baseline's buckets with the most mismatches."""
    mismatched: int
    """The baseline's mismatches in all."""
    bucket: timedelta
    hover: Mapping[str, object]
    """What the tooltip says, by step."""


def draw_timeline(data: ReportData, verdict: Verdict) -> Timeline | None:
    """Draw the charts over time, or return None where the traffic has no time."""
    series = bucket_series(data.rows)
    grid = make_grid(series, data.summary.bucket_seconds, MAX_STEPS)
    if grid is None:
        return None
    order = [name for name in data.summary.variants if name in series]
    steps = {name: to_steps(series[name], grid) for name in order}
    base = verdict.variant if verdict.variant in steps else order[0]
    heat = len(order) > MAX_PANELS
    shown = [base] if heat else [base, *(name for name in order if name != base)]
    panels = [_rate_panel(name, steps[name], grid) for name in shown]
    panels += [*_score_panels(base, shown, steps), _volume_panel(steps[base])]
    return Timeline(
        panels=tuple(panels),
        heat=tuple(heat_row(name, steps[name]) for name in order) if heat else (),
        heat_levels=tuple(enumerate(LEVELS)),
        times=time_ticks(grid.start, grid.end),
        runs=mark_ranges(grid, verdict.runs, verdict.marks),
        numbered=any(verdict.marks),
        lanes=cause_lanes(grid, data.summary.incidents),
        resolution=_resolution(grid),
        hottest=_hottest(series[base]),
        mismatched=sum(bucket.mismatched for bucket in series[base]),
        bucket=grid.width / grid.buckets,
        hover=_hover(grid, base, shown, steps),
    )


def _shares(steps: Steps, value: Callable[[BucketStep], float | None], scale: AxisScale) -> list[float | None]:
    return _on(scale, [None if step is None else value(step) for step in steps])


def _rate_panel(name: str, steps: Steps, grid: Grid) -> Panel:
    top = min(nice_ceiling(max((step.peak for step in steps if step), default=0.0)), 1.0)
    clean = not any(step.mismatched for step in steps if step)
    scale = AxisScale(0.0, top)
    curves = [
        TimelineCurve("rate", "area", area_path(_shares(steps, lambda step: step.rate, scale))),
        TimelineCurve("any mismatch", "mark", mark_path([bool(step and step.mismatched) for step in steps])),
    ]
    if grid.buckets > 1:
        curves.insert(
            0, TimelineCurve("worst bucket", "peak", area_path(_shares(steps, lambda step: step.peak, scale)))
        )
    note = "no row differs" if clean else f"{percent(overall_rate(steps))} overall"
    ticks = (Tick(0.0, "0%"),) if clean else (Tick(0.0, "0%"), Tick(0.5, percent(top / 2)), Tick(1.0, percent(top)))
    return Panel("rate", name, note, tuple(curves), ticks, clean=clean)


def _score_panels(base: str, shown: Sequence[str], steps: Mapping[str, Steps]) -> list[Panel]:
    """Mean scores where they are known, else the mean difference."""
    replayed = {name: [step.mean_replayed if step else None for step in steps[name]] for name in shown}
    online = [step.mean_online if step else None for step in steps[base]]
    known = [value for values in (online, *replayed.values()) for value in values if value is not None]
    if not any(value is not None for value in online) or not known:
        return _delta_panel(base, steps[base])
    scale = padded(known)
    curves = [TimelineCurve("online", "online", line_path(_on(scale, online)))]
    for index, name in reversed(list(enumerate(shown))):  # the baseline last, on top of the others
        curves.append(TimelineCurve(name, f"series-{index}", line_path(_on(scale, replayed[name]))))
    ticks = tuple(Tick(at, number(scale.low + at * (scale.high - scale.low), 3)) for at in (0.0, 0.5, 1.0))
    return [Panel("means", "Mean score", "the axis does not start at 0", tuple(curves), ticks)]


def _delta_panel(base: str, steps: Steps) -> list[Panel]:
    values = [step.mean_delta if step else None for step in steps]
    known = [value for value in values if value is not None]
    if not any(known):
        return []
    low, high = min(*known, 0.0), max(*known, 0.0)
    scale = AxisScale(-nice_ceiling(-low) if low < 0 else 0.0, nice_ceiling(high) if high > 0 else 0.0)
    ends = {0.0: scale.low, 1.0: scale.high, scale.share(0.0): 0.0}
    ticks = tuple(Tick(at, signed(value, 3)) for at, value in sorted(ends.items()))
    curves = (TimelineCurve(base, "series-0", line_path(_on(scale, values))),)
    return [Panel("delta", "Mean difference", f"replayed less online, {base}", curves, ticks)]


def _on(scale: AxisScale, values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else scale.share(value) for value in values]


def _volume_panel(steps: Steps) -> Panel:
    top = nice_ceiling(max((step.compared for step in steps if step), default=0))
    path = area_path(_shares(steps, lambda step: float(step.compared), AxisScale(0.0, top)))
    return Panel(
        "volume", "Rows compared", "", (TimelineCurve("rows", "volume", path),), (Tick(1.0, short_count(top)),)
    )


def _resolution(grid: Grid) -> str:
    width = seconds((grid.width / grid.buckets).total_seconds())
    if grid.buckets == 1:
        return f"Each step is one bucket of {width}. Times are UTC."
    return (
        f"Each step is {seconds(grid.width.total_seconds())}: {count(grid.buckets)} buckets of {width}, added up. The "
        "pale area is the worst bucket in each step. Times are UTC."
    )


def mark_ranges(
    grid: Grid, ranges: Sequence[tuple[datetime, datetime]], marks: Sequence[str] = ()
) -> tuple[MarkedRange, ...]:
    """Place time ranges on the axis.

    Args:
        grid: The axis.
        ranges: ``[start, end)``.
        marks: What each is marked with; nothing where no range has a mark.
    """
    drawn: list[MarkedRange] = []
    for mark, (start, end) in zip(marks or [""] * len(ranges), ranges, strict=True):
        left, right = max(grid.share(start), 0.0), min(grid.share(end), 1.0)
        label = time_range(start, end, dated=False)
        level = _free_level(drawn, left) if mark else 0
        drawn.append(MarkedRange(left, max(right - left, 0.0), label, mark, level))
    return tuple(drawn)


def cause_lanes(grid: Grid, incidents: Sequence[Incident]) -> tuple[Lane, ...]:
    """A lane for each cause that has windows of its own.

    Args:
        grid: The axis.
        incidents: In the order of their numbers.
    """
    return tuple(
        Lane(str(number), cause_words(cause), mark_ranges(grid, [(one.start, one.end) for one in cause.windows]))
        for number, incident in enumerate(incidents, start=1)
        for cause in incident.causes
        if cause.windows
    )


def _free_level(drawn: Sequence[MarkedRange], left: float) -> int:
    taken = {each.level for each in drawn if each.mark and abs(each.left - left) < _NUMBER_WIDTH}
    return next(level for level in range(len(drawn) + 1) if level not in taken)


def _hottest(buckets: Sequence[Bucket]) -> tuple[Bucket, ...]:
    mismatched = [bucket for bucket in buckets if bucket.mismatched]
    return tuple(sorted(mismatched, key=lambda bucket: (-bucket.mismatched, bucket.start))[:HOTTEST])


def _hover(grid: Grid, base: str, shown: Sequence[str], steps: Mapping[str, Steps]) -> dict[str, object]:
    """Texts of the tooltip, by step: the time, then a line for each series that has rows there."""
    times, lines = [], []
    for index in range(grid.count):
        start = grid.start + grid.width * index
        times.append(time_range(start, end_of(start, grid.width)))
        lines.append(_hover_lines(base, shown, steps, index))
    return {"times": times, "lines": lines}


def _hover_lines(base: str, shown: Sequence[str], steps: Mapping[str, Steps], index: int) -> list[list[str]]:
    first = steps[base][index]
    if first is None:
        return [["no rows", ""]]
    lines = [["rows", count(first.compared)]]
    for name in shown:
        step = steps[name][index]
        if step is not None and step.rate is not None:
            lines.append([f"{name}: differ", f"{percent(step.rate)} ({count(step.mismatched)})"])
    if first.mean_online is not None:
        lines.append(["mean online", number(first.mean_online)])
    for name in shown:
        step = steps[name][index]
        if step is not None and step.mean_replayed is not None:
            lines.append([f"mean {name}", number(step.mean_replayed)])
    if first.mean_replayed is None and first.mean_delta is not None:
        lines.append(["mean difference", signed(first.mean_delta, 3)])
    return lines
