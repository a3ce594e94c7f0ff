"""Which slices differ from the rest, told of all that were looked at: the share of false ones is controlled.

Of twenty slices that are all alike, one lies beyond a 95% interval. So each slice is compared with the rest under each
variant, and of all these comparisons those are told that Benjamini and Hochberg's (1995) procedure finds at a false
discovery rate of 5%: of what is told, at most that share is chance, on average (slices of several segments share rows,
which the procedure allows as far as they depend on each other positively).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from replay.metrics.interval import Z95, wilson
from replay.metrics.metric import METRICS
from replay.metrics.row import MetricRow
from replay.report.summary import SliceFinding, SlicesSummary
from replay.report.summary.data import ALL, ONLINE

FALSE_DISCOVERY_RATE = 0.05
MISMATCH_RATE = "mismatch_rate"

_COMPARED_WITH_ALL = tuple(name for name, metric in METRICS.items() if metric.good != "lower")
"""Quality that a slice's own base rate does not move: how well its rows are ordered, and their calibration."""


def judge_slices(rows: Iterable[MetricRow]) -> SlicesSummary | None:
    """Compare every slice with the rest of its segment; None where there are no slices.

    A mismatch rate is compared with that of the segment's other values (the score test), and quality with that of all
    rows, of which the slice is a part: such a difference is told too seldom rather than too often. What has no interval
    is not compared.
    """
    cells: dict[tuple[str, str], dict[str, MetricRow]] = defaultdict(dict)
    for row in rows:
        if row.bucket is None and row.variant != ONLINE and row.against in (ONLINE, None):
            cells[row.variant, row.metric][row.slice] = row
    slices = {(variant, name) for (variant, _), found in cells.items() for name in found if name != ALL}
    if not slices:
        return None
    compared = [finding for (_, metric), found in cells.items() for finding in _compare(metric, found)]
    return SlicesSummary(
        slices=len({name for _, name in slices}),
        variants=len({variant for variant, _ in slices}),
        comparisons=len(compared),
        false_discovery_rate=FALSE_DISCOVERY_RATE,
        different=tuple(discoveries(compared)),
    )


def discoveries(compared: Sequence[SliceFinding], rate: float = FALSE_DISCOVERY_RATE) -> list[SliceFinding]:
    """What Benjamini and Hochberg (1995) find: the k smallest p for the largest k with p_k <= rate * k / n.

    >>> from dataclasses import replace
    >>> finding = SliceFinding("prod", "surface=home", "auc", 0.5, 0.7, 100, 0.0)
    >>> found = discoveries([replace(finding, p_value=p) for p in (0.9, 0.02, 0.04, 0.001)])
    >>> [entry.p_value for entry in found]
    [0.001, 0.02]
    """
    ordered = sorted(compared, key=lambda entry: (entry.p_value, entry.variant, entry.slice, entry.metric))
    passing = [place for place, entry in enumerate(ordered, start=1) if entry.p_value <= rate * place / len(ordered)]
    return ordered[: max(passing, default=0)]


def _compare(metric: str, by_slice: Mapping[str, MetricRow]) -> Iterator[SliceFinding]:
    """Compare all slices of one variant by one metric."""
    whole = by_slice.get(ALL)
    if whole is None or whole.value is None:
        return
    members = [row for name, row in by_slice.items() if name != ALL and row.value is not None]
    if metric == MISMATCH_RATE:
        yield from _compare_rates(members, _design_effect(whole))
    elif metric in _COMPARED_WITH_ALL:
        for row in members:
            error = _error_towards(row, whole.value)
            if error is not None and row.value is not None:
                yield _finding(row, whole.value, (row.value - whole.value) / error)


def _compare_rates(members: Sequence[MetricRow], design_effect: float) -> Iterator[SliceFinding]:
    by_segment: dict[str, list[MetricRow]] = defaultdict(list)
    for row in members:
        if row.rows > 0:
            by_segment[row.slice.partition("=")[0]].append(row)
    for values in by_segment.values():
        yield from _step_down(values, design_effect)


def _step_down(values: Sequence[MetricRow], design_effect: float) -> Iterator[SliceFinding]:
    """Each rate against that of the other values of its segment, from which those that clearly differ are taken out.

    Else one bad value makes all good ones differ from the rest, in which it is; and of two, both do.
    """
    left = list(values)
    for _ in range(_MOST_TAKEN_OUT):
        found = _against_the_rest(left, design_effect)
        clearest = min(range(len(found)), key=lambda place: (found[place].p_value, -found[place].value), default=None)
        if clearest is None or found[clearest].p_value > FALSE_DISCOVERY_RATE / len(values):
            break
        yield found[clearest]
        del left[clearest]
    yield from _against_the_rest(left, design_effect)


_MOST_TAKEN_OUT = 50


def _against_the_rest(values: Sequence[MetricRow], design_effect: float) -> list[SliceFinding]:
    """The score test of two proportions for each value and all others; of a single one nothing is said."""
    if len(values) < 2:
        return []
    wrong = [round((row.value or 0.0) * row.rows) for row in values]
    rows, mismatched = sum(row.rows for row in values), sum(wrong)
    rate = mismatched / rows
    found = []
    for row, own in zip(values, wrong, strict=True):
        others = rows - row.rows
        rest = (mismatched - own) / others
        error = math.sqrt(rate * (1 - rate) * (1 / row.rows + 1 / others) * design_effect)
        found.append(_finding(row, rest, (own / row.rows - rest) / error if error > 0 else 0.0))
    return found


def _design_effect(whole: MetricRow) -> float:
    """That with which the interval of a mismatch rate over all rows was made."""
    if whole.value is None or whole.low is None or whole.high is None or not 0 < whole.value < 1:
        return 1.0
    low, high = 1.0, float(max(whole.rows, 2))
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        ends = wilson(whole.value * whole.rows, whole.rows, design_effect=middle)
        wide = ends[0] is not None and ends[1] is not None and ends[1] - ends[0] > whole.high - whole.low
        low, high = (low, middle) if wide else (middle, high)
    return math.sqrt(low * high) if low > 1.0 else 1.0


_HALVINGS = 40


def _error_towards(row: MetricRow, other: float) -> float | None:
    """The standard error that the interval's end on the side of another value stands for; None without one."""
    if row.value is None or row.low is None or row.high is None:
        return None
    side = (row.value - row.low if other < row.value else row.high - row.value) / Z95
    return side if side > 0 else None


def _finding(row: MetricRow, rest: float, score: float) -> SliceFinding:
    assert row.value is not None
    chance = math.erfc(abs(score) / math.sqrt(2))
    return SliceFinding(row.variant, row.slice, row.metric, row.value, rest, row.rows, chance)
