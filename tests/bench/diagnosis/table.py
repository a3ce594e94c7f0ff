"""What is printed, and whether the targets are met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.diagnosis.causes import KNOWN_KINDS, UNKNOWN_KINDS
from tests.bench.diagnosis.judging import Judged, Outcome

LEAST_ROWS = 100
LEAST_IOU = 0.95
LEAST_FIRST = 0.95


@dataclass(frozen=True)
class Target:
    """One promise, and what was measured."""

    name: str
    found: str
    is_met: bool


def targets(outcomes: Sequence[Outcome]) -> list[Target]:
    """Every target that these outcomes can be held against."""
    judged = [one for outcome in outcomes for one in outcome.judged]
    large = [one for one in judged if one.touched >= LEAST_ROWS]
    known = [one for one in large if one.is_known]
    unknown = [one for one in judged if not one.is_known and one.found]
    clean = [outcome for outcome in outcomes if outcome.shape == "clean"]
    found = []
    if judged:
        median = float(np.median([one.iou for one in judged]))
        found.append(Target(f"median IoU at least {LEAST_IOU}", f"{median:.3f}", median >= LEAST_IOU))
    if known:
        rate = _rate(known, "is_first")
        name = f"first cause right in {LEAST_FIRST:.0%} of those that touch {LEAST_ROWS} rows"
        found.append(Target(name, f"{rate:.1%} of {len(known)}", rate >= LEAST_FIRST))
    if unknown:
        right = sum(one.is_first for one in unknown)
        found.append(Target("`unexplained` for unknown causes", f"{right} of {len(unknown)}", right == len(unknown)))
    if clean:
        alarms = sum(bool(outcome.false_alarms) for outcome in clean)
        found.append(Target("no false alarm in clean runs", f"{alarms} in {len(clean)}", alarms == 0))
    return found


def render(outcomes: Sequence[Outcome]) -> str:
    """The whole report as text."""
    judged = [one for outcome in outcomes for one in outcome.judged]
    parts = []
    if judged:
        parts += [_by_kind(judged), _by_world(outcomes), _sizes(judged)]
    parts += [_alarms(outcomes), _failures(outcomes), _cost(outcomes), _verdict(outcomes)]
    return "\n\n".join(part for part in parts if part)


_HEADER = f"{'':20} {'all':>4} {'missed':>6} {'IoU 25%':>8} {'50%':>6} {'75%':>6} {'slice':>6} | "
_HEADER += f"{f'{LEAST_ROWS}+ rows':>9} {'missed':>6} {'first':>6} {'any':>6}"


def _line(name: str, judged: Sequence[Judged]) -> str:
    large = [one for one in judged if one.touched >= LEAST_ROWS]
    low, middle, high = np.quantile([one.iou for one in judged], [0.25, 0.5, 0.75])
    line = (
        f"{name:20} {len(judged):>4} {sum(not one.found for one in judged):>6} {low:>8.3f} {middle:>6.3f} {high:>6.3f}"
    )
    found = [one for one in judged if one.found]
    line += f" {_rate(found, 'is_slice_right'):>6.0%} | {len(large):>9} {sum(not one.found for one in large):>6}"
    return (
        f"{line} {_rate(large, 'is_first'):>6.0%} {_rate(large, 'is_any'):>6.0%}" if large else f"{line}      -      -"
    )


def _rate(judged: Sequence[Judged], what: str) -> float:
    return sum(getattr(one, what) for one in judged) / len(judged) if judged else 0.0


def _by_kind(judged: Sequence[Judged]) -> str:
    kinds = [kind for kind in (*KNOWN_KINDS, *UNKNOWN_KINDS) if any(one.kind == kind for one in judged)]
    lines = [_line(kind, [one for one in judged if one.kind == kind]) for kind in kinds]
    return "\n".join(["Planted causes", _HEADER, *lines, _line("all", judged)])


def _by_world(outcomes: Sequence[Outcome]) -> str:
    groups: dict[str, list[Judged]] = {}
    for outcome in outcomes:
        for key in (outcome.world, f"shape: {outcome.shape}", f"served: {outcome.noise}"):
            groups.setdefault(key, []).extend(outcome.judged)
    lines = [_line(name, judged) for name, judged in sorted(groups.items()) if judged]
    return "\n".join(["By world, shape and serving noise", _HEADER, *lines])


def _sizes(judged: Sequence[Judged]) -> str:
    lines = []
    for low, high in ((0, 50), (50, 100), (100, 500), (500, 2_000), (2_000, 10**9)):
        some = [one for one in judged if low <= one.touched < high]
        if some:
            lines.append(_line(f"{low} to {high - 1} rows" if high < 10**9 else f"{low} rows and more", some))
    return "\n".join(["By rows whose answer changed", _HEADER, *lines])


def _alarms(outcomes: Sequence[Outcome]) -> str:
    clean = [outcome for outcome in outcomes if outcome.shape == "clean"]
    beside = [outcome for outcome in outcomes if outcome.shape != "clean"]
    lines = []
    if clean:
        lines.append(f"Clean runs: {len(clean)}, with false alarms: {sum(bool(one.false_alarms) for one in clean)}")
    if beside:
        lines.append(f"Incidents beside the planted ones: {sum(len(one.false_alarms) for one in beside)}")
    lines += [f"  case {one.number} {one.world}: {alarm}" for one in outcomes for alarm in one.false_alarms]
    return "\n".join(lines)


def _failures(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for outcome in outcomes:
        for one in outcome.judged:
            if one.is_first and one.is_any and one.iou >= LEAST_IOU:
                continue
            what = "missed" if not one.found else f"IoU {one.iou:.2f}, first {one.is_first}, any {one.is_any}"
            circumstances = f"{outcome.world}, {outcome.shape}, {outcome.noise}, drift {outcome.drift:.1%}"
            lines.append(f"  case {outcome.number} {circumstances}: {what}; {one.touched} rows")
            lines.append(f"    planted {one.planted}")
            lines += [f"    told {told}" for told in one.told]
    return "\n".join(["Not as planted", *lines]) if lines else "Everything was told as it was planted"


def _cost(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for world in sorted({outcome.world for outcome in outcomes}):
        some = [one for one in outcomes if one.world == world and one.judged]
        if some:
            seconds, rows = [one.seconds for one in some], max(one.rows_scored for one in some)
            lines.append(f"{world}: {np.median(seconds):.1f} s a diagnosis (median), {max(seconds):.1f} s at most")
            lines[-1] += f"; {rows:,} rows scored in a search at most"
    return "\n".join(lines)


def _verdict(outcomes: Sequence[Outcome]) -> str:
    lines = [f"  {'met   ' if one.is_met else 'MISSED'}  {one.name}: {one.found}" for one in targets(outcomes)]
    return "\n".join(["Targets", *lines])
