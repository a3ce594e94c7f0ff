"""What is printed, and whether the targets are met. Tables are Markdown, to be pasted into the docs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.diagnosis.judgement.outcome import Judged, Outcome

LEAST_ROWS = 100
LEAST_IOU = 0.95
LEAST_FIRST = 0.95
MOST_WRONG = 0.005


@dataclass(frozen=True)
class Target:
    """One promise, and what was measured."""

    name: str
    found: str
    is_met: bool


def targets(outcomes: Sequence[Outcome]) -> list[Target]:
    """Every target that these outcomes can be held against."""
    planted = [outcome for outcome in outcomes if outcome.judged]
    judged = [one for outcome in planted for one in outcome.judged]
    named = [one for outcome in planted if outcome.has_name for one in outcome.judged if one.touched >= LEAST_ROWS]
    clean = [outcome for outcome in outcomes if not outcome.judged]
    found = []
    overlaps = [one.iou for one in judged if one.iou is not None]
    if overlaps:
        median = float(np.median(overlaps))
        found.append(Target(f"median IoU at least {LEAST_IOU}", f"{median:.3f}", median >= LEAST_IOU))
    if named:
        rate = _rate(named, "is_first")
        name = f"first cause right in {LEAST_FIRST:.0%} of those with a name that touch {LEAST_ROWS} rows"
        found.append(Target(name, f"{rate:.1%} of {len(named)}", rate >= LEAST_FIRST))
    if planted:
        wrong = sum(bool(outcome.wrong) for outcome in outcomes)
        name = f"wrong with confidence in at most {MOST_WRONG:.1%} of the incidents"
        found.append(Target(name, f"{wrong} of {len(planted)}", wrong <= MOST_WRONG * len(planted)))
    if clean:
        alarms = sum(bool(outcome.false_alarms) for outcome in clean)
        found.append(Target("no false alarm in clean runs", f"{alarms} in {len(clean)}", alarms == 0))
    return found


def render(outcomes: Sequence[Outcome]) -> str:
    """The whole report as text."""
    planted = [outcome for outcome in outcomes if outcome.judged]
    parts = []
    if planted:
        parts += [_by_kind(planted), _by_world(planted), _sizes(planted)]
    parts += [_alarms(outcomes), _wrong(outcomes), _others(planted), _cost(planted), _verdict(outcomes)]
    return "\n\n".join(part for part in parts if part)


_COLUMNS = (
    *("incidents", "causes", "found", "median IoU", "slice right", "first cause right"),
    *(f"of {LEAST_ROWS}+ rows", "unexplained", "wrong", "false alarms"),
)


def _table(first: str, lines: Sequence[tuple[str, Sequence[Outcome]]]) -> str:
    rows = [f"| {first} | {' | '.join(_COLUMNS)} |", f"|{'---|' * (1 + len(_COLUMNS))}"]
    return "\n".join(rows + [f"| {name} | {' | '.join(_cells(some))} |" for name, some in lines if some])


def _cells(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Of a line; all figures are of planted causes, but for the first and the last two, which are of incidents."""
    judged = [one for outcome in outcomes for one in outcome.judged]
    found = [one for one in judged if one.found]
    large = [one for one in judged if one.touched >= LEAST_ROWS]
    overlaps = [one.iou for one in judged if one.iou is not None]
    return (
        str(len(outcomes)),
        str(len(judged)),
        str(len(found)),
        f"{np.median(overlaps):.2f}" if overlaps else "",
        f"{_rate(found, 'is_slice_right'):.0%}" if found else "",
        str(sum(one.is_first for one in judged)),
        f"{sum(one.is_first for one in large)} of {len(large)}",
        str(sum(one.is_honest for one in judged)),
        str(sum(bool(outcome.wrong) for outcome in outcomes)),
        str(sum(len(outcome.false_alarms) for outcome in outcomes)),
    )


def _rate(judged: Sequence[Judged], what: str) -> float:
    return sum(getattr(one, what) for one in judged) / len(judged) if judged else 0.0


def _by_kind(outcomes: Sequence[Outcome]) -> str:
    kinds = {name: [one for one in outcomes if one.kind == name] for name in dict.fromkeys(o.kind for o in outcomes)}
    lines = [(name if some[0].has_name else f"{name} (no name)", some) for name, some in kinds.items()]
    return _table("kind", [*lines, ("all", outcomes)])


def _by_world(outcomes: Sequence[Outcome]) -> str:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        for key in (outcome.world, f"logged: {outcome.noise.split()[0].rstrip(',')}"):
            groups.setdefault(key, []).append(outcome)
    return _table("world, and how answers are logged", sorted(groups.items()))


def _sizes(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for low, high in ((0, 50), (50, 100), (100, 500), (500, 2_000), (2_000, 10**9)):
        some = [one for one in outcomes if low <= max(cause.touched for cause in one.judged) < high]
        lines.append((f"{low:,} to {high - 1:,}" if high < 10**9 else f"{low:,} and more", some))
    return _table("rows whose answer changed", lines)


def _alarms(outcomes: Sequence[Outcome]) -> str:
    clean = [outcome for outcome in outcomes if not outcome.judged]
    lines = []
    if clean:
        lines.append(f"Clean runs: {len(clean)}, with false alarms: {sum(bool(one.false_alarms) for one in clean)}")
    if len(clean) < len(outcomes):
        beside = sum(len(outcome.false_alarms) for outcome in outcomes if outcome.judged)
        lines.append(f"Incidents beside the planted ones: {beside}")
    lines += [f"  {place_of(one)}: {alarm}" for one in outcomes for alarm in one.false_alarms]
    return "\n".join(lines)


def place_of(outcome: Outcome) -> str:
    """Which case it is."""
    return f"case {outcome.number} {outcome.kind}, {outcome.world}, {outcome.noise}, drift {outcome.drift:.1%}"


def describe_wrong(outcome: Outcome) -> list[str]:
    """What was wrong with confidence in a case, in lines; none where nothing was."""
    if not outcome.wrong:
        return []
    planted = [f"    planted {one.planted}; {one.touched} rows" for one in outcome.judged]
    return [*planted, *(f"    wrong   {one}" for one in outcome.wrong)]


def describe_rest(outcome: Outcome) -> list[str]:
    """What was neither wrong nor quite as planted, in lines."""
    lines = []
    for one in outcome.judged:
        is_told = (one.is_first and one.is_any) or (one.is_honest and not outcome.has_name)
        if is_told and (one.iou is None or one.iou >= LEAST_IOU):
            continue
        what = "missed" if not one.found else f"first {one.is_first}, any {one.is_any}"
        overlap = "" if one.iou is None else f", IoU {one.iou:.2f}"
        lines.append(f"    planted {one.planted}: {what}{overlap}; {one.touched} rows")
        lines += [f"    told    {told}" for told in one.told]
    return lines


def _all_of(title: str, nothing: str, outcomes: Sequence[Outcome], describe: Callable[[Outcome], list[str]]) -> str:
    blocks = [(outcome, describe(outcome)) for outcome in outcomes]
    lines = [line for outcome, some in blocks if some for line in (f"  {place_of(outcome)}", *some)]
    return "\n".join([title, *lines]) if lines else nothing


def _wrong(outcomes: Sequence[Outcome]) -> str:
    return _all_of("Wrong with confidence", "Nothing was wrong with confidence", outcomes, describe_wrong)


def _others(outcomes: Sequence[Outcome]) -> str:
    return _all_of("Not as planted", "Everything was told as it was planted", outcomes, describe_rest)


def _cost(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for world in sorted({outcome.world for outcome in outcomes}):
        some = [one for one in outcomes if one.world == world]
        seconds, rows = [one.seconds for one in some], max(one.rows_scored for one in some)
        lines.append(f"{world}: {np.median(seconds):.1f} s a diagnosis (median), {max(seconds):.1f} s at most")
        lines[-1] += f"; {rows:,} rows scored in a search at most"
    return "\n".join(lines)


def _verdict(outcomes: Sequence[Outcome]) -> str:
    lines = [f"  {'met   ' if one.is_met else 'MISSED'}  {one.name}: {one.found}" for one in targets(outcomes)]
    return "\n".join(["Targets", *lines])
