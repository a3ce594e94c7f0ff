"""Whether what was told is what was planted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from replay.diagnosis.causes.cause import Cause as NamedCause
from replay.diagnosis.causes.hypothesis import Hypothesis
from tests.bench.diagnosis.causes import Cause
from tests.bench.diagnosis.engine import Answer, Told
from tests.bench.diagnosis.planting import Plant, Planted
from tests.bench.diagnosis.world import BASELINE, Layout, Traffic


@dataclass(frozen=True)
class Judged:
    """One planted cause.

    Attributes:
        kind: Of the cause.
        is_known: Whether it is among the tool's hypotheses.
        touched: Rows whose answer it changed visibly.
        found: Whether an incident overlaps it.
        iou: Rows of the traffic in both windows over rows in either; 0 where it was missed.
        is_slice_right: Whether the segments are the planted ones.
        is_first: The first cause told is right.
        is_any: Some cause told is right.
        planted: In words.
        told: In words, one a cause; empty where it was missed.
    """

    kind: str
    is_known: bool
    touched: int
    found: bool
    iou: float
    is_slice_right: bool
    is_first: bool
    is_any: bool
    planted: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """One case.

    Attributes:
        number: Which case of the suite.
        world: ``real`` or ``generated``.
        shape: ``clean``, ``one``, ``mixture`` or ``in turn``.
        noise: How online rounded.
        drift: Share of moved rows.
        rows: Of the traffic.
        judged: By planted cause.
        false_alarms: Incidents that overlap no planted one, in words.
        seconds: That the engine took, scoring apart.
        rows_scored: In the search for causes.
    """

    number: int
    world: str
    shape: str
    noise: str
    drift: float
    rows: int
    judged: tuple[Judged, ...] = ()
    false_alarms: tuple[str, ...] = ()
    seconds: float = 0.0
    rows_scored: int = 0


class Judge:
    """Holds an answer against what was planted.

    Args:
        layout: Of the world.
        traffic: What was logged.
        planted: The truth.
        parameters: Names of the model's parameters and buffers.
    """

    def __init__(self, layout: Layout, traffic: Traffic, planted: Planted, parameters: Iterable[str]) -> None:
        self._layout, self._traffic, self._planted = layout, traffic, planted
        self._parameters = tuple(parameters)

    def judge(self, answer: Answer) -> tuple[tuple[Judged, ...], tuple[str, ...]]:
        """Each planted cause, and the incidents that are none."""
        windows = [self._window(plant) for plant in self._planted.plants]
        of_told = [self._rows_between(told.incident.start_us, told.incident.end_us) for told in answer.told]
        judged = tuple(
            self._judge(plant, windows, number, answer.told, of_told)
            for number, plant in enumerate(self._planted.plants)
        )
        alarms = tuple(
            _describe_incident(told, self._traffic)
            for told, rows in zip(answer.told, of_told, strict=True)
            if not any(_overlap(rows, window) for window in windows)
        )
        return judged, alarms

    def _window(self, plant: Plant) -> tuple[int, int]:
        """From the first to the last row that it touched, as positions; one window for a mixture."""
        rows = plant.rows
        if self._planted.shape == "mixture":
            rows = np.concatenate([one.rows for one in self._planted.plants])
        times = self._traffic.time_us[rows]
        return self._rows_between(int(times.min()), int(times.max()) + 1)

    def _rows_between(self, start_us: int, end_us: int) -> tuple[int, int]:
        low, high = np.searchsorted(self._traffic.time_us, [start_us, end_us])
        return int(low), int(high)

    def _judge(
        self,
        plant: Plant,
        windows: list[tuple[int, int]],
        number: int,
        told: tuple[Told, ...],
        of_told: list[tuple[int, int]],
    ) -> Judged:
        window = windows[number]
        words = (
            f"{plant.cause.describe()}, {plant.share:.0%} of {dict(plant.segments) or 'all'}, {plant.minutes:.1f} min"
        )
        places = [place for place, rows in enumerate(of_told) if _overlap(rows, window)]
        cause = plant.cause
        if not places:
            return Judged(cause.kind, cause.is_known, len(plant.rows), False, 0.0, False, False, False, words, ())
        best = max(places, key=lambda place: _iou(of_told[place], window))
        diagnosis = told[best].diagnosis
        causes = () if diagnosis is None else diagnosis.causes
        # An incident that covers two causes is right to begin with either.
        covered = [
            other for other, its in zip(self._planted.plants, windows, strict=True) if _overlap(of_told[best], its)
        ]
        return Judged(
            cause.kind,
            cause.is_known,
            len(plant.rows),
            True,
            _iou(_joined(of_told[place] for place in places), window)
            if len(covered) == 1 or self._planted.shape == "mixture"
            else _iou(of_told[best], _joined(windows)),
            told[best].incident.segments == dict(plant.segments),
            self._is_first(covered, causes),
            self._is_any(plant, causes),
            words,
            (_describe_incident(told[best], self._traffic), *(_describe_cause(one) for one in causes)),
        )

    def _is_first(self, covered: list[Plant], causes: tuple[NamedCause, ...]) -> bool:
        return bool(causes) and any(self._names(plant, causes[0], causes) for plant in covered)

    def _is_any(self, plant: Plant, causes: tuple[NamedCause, ...]) -> bool:
        return any(self._names(plant, cause, causes) for cause in causes)

    def _names(self, plant: Plant, told: NamedCause, causes: tuple[NamedCause, ...]) -> bool:
        """Whether a told cause is the planted one, or names it among those that the data cannot tell from it."""
        if not plant.cause.is_known:
            return told.kind == "unexplained" and len(causes) == 1
        if told.hypothesis is None:
            return False
        several = (told.hypothesis, *told.alternatives)
        return any(self._is_same(plant, one, told) for one in several) and self._is_share_right(plant, told)

    def _is_share_right(self, plant: Plant, told: NamedCause) -> bool:
        """A route is one of some rows, a checkpoint of all."""
        if plant.cause.kind not in ("checkpoint", "route") or self._planted.shape != "one":
            return True
        return told.kind == plant.cause.kind

    def _is_same(self, plant: Plant, one: Hypothesis, told: NamedCause) -> bool:
        cause = plant.cause
        truth = cause.truth
        if cause.kind in ("checkpoint", "route"):
            return one.kind == "checkpoint" and one.checkpoint == truth["checkpoint"]
        if cause.kind == "splice":
            return one.kind == "splice" and self._sources(one.get("splice")) == self._true_sources(cause)
        if cause.kind == "precision":
            return one.kind == "precision" and one.get("dtype") == truth["dtype"]
        if cause.kind == "affine":
            return one.kind == "affine"
        kind = "null_features" if cause.kind.startswith("null_") else cause.kind
        if one.kind != kind or self._effective(plant, one.features) != self._effective(plant, truth["touched"]):
            return False
        return _is_quantity_right(cause.kind, truth, one, told, self._layout.id_rows)

    def _effective(self, plant: Plant, touched: tuple[str, ...]) -> frozenset[str]:
        """Without features that hold what is missing in (nearly) all of the rows anyway: to null them is no change."""
        changed = set()
        for name in touched:
            values = self._traffic.served[name][plant.rows]
            default = self._layout.missing.get(name, 0)
            differs = (values != default).reshape(len(plant.rows), -1).any(axis=1)
            if plant.cause.kind not in ("null_family", "null_features") or differs.mean() > 0.01:
                changed.add(name)
        return frozenset(changed)

    def _sources(self, splice: tuple[tuple[str, str], ...]) -> dict[str, str]:
        return {
            name: next(checkpoint for glob, checkpoint in splice if fnmatchcase(name, glob))
            for name in self._parameters
        }

    def _true_sources(self, cause: Cause) -> dict[str, str]:
        module, theirs = cause.truth["module"], cause.truth["checkpoint"]
        return {name: theirs if name.startswith(f"{module}.") else BASELINE for name in self._parameters}


def _is_quantity_right(kind: str, truth: Any, one: Hypothesis, told: NamedCause, id_rows: int) -> bool:
    if kind == "stale_features":
        parameters = told.parameters or {}
        low, high = (float(parameters.get(name, 0.0)) for name in ("lag_low_seconds", "lag_high_seconds"))
        lag = one.get("lag").total_seconds()
        return bool(low < truth["lag_s"] <= high or abs(lag - truth["lag_s"]) <= 0.02 * truth["lag_s"])
    if kind == "scale":
        return one.get("factor") is not None and abs(one.get("factor") / truth["factor"] - 1.0) < 0.02
    if kind == "constant":
        # A hashed id is told as it was logged.
        value = one.get("value")
        value = zlib.crc32(value.encode()) % id_rows if isinstance(value, str) else value
        return value is not None and abs(value - truth["value"]) <= 0.01 * max(1.0, abs(truth["value"]))
    return True


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _iou(one: tuple[int, int], other: tuple[int, int]) -> float:
    either = max(one[1], other[1]) - min(one[0], other[0])
    return _overlap(one, other) / either if either else 0.0


def _joined(several: Iterable[tuple[int, int]]) -> tuple[int, int]:
    windows = list(several)
    return min(low for low, _ in windows), max(high for _, high in windows)


def _describe_incident(told: Told, traffic: Traffic) -> str:
    one = told.incident
    start, end = ((time - int(traffic.time_us[0])) / 60e6 for time in (one.start_us, one.end_us))
    return (
        f"{one.kind} from minute {start:.1f} to {end:.1f}, {one.segments or 'all'}, {one.mismatched} of {one.rows} "
        f"rows, p {one.p_value:.1g}"
    )


def _describe_cause(cause: NamedCause) -> str:
    return f"{cause.kind}, share {cause.share or 0.0:.0%}: {cause.text}"
