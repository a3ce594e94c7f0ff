"""Whether what was told is what was planted, and what was said with confidence and is not so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np

from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.diagnosis.causes.cause import Cause as NamedCause
from tests.bench.diagnosis.causes import Scene
from tests.bench.diagnosis.engine import Answer, Told
from tests.bench.diagnosis.judgement.outcome import Judged
from tests.bench.diagnosis.judgement.same import Comparison
from tests.bench.diagnosis.planting import Plant, Planted
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import Layout, Mask, Traffic

_SWALLOWS = 10.0
"""Times the noise that was planted: a tolerance that is so much wider, and holds half of an incident's rows."""

LEAST_OVERLAP = 0.5
"""Of the rows in the time of a cause, as told or as planted, those in both."""


class Judge:
    """Holds an answer against what was planted.

    Args:
        layout: Of the world.
        traffic: What was logged.
        planted: The truth.
        modules: By checkpoint name.
    """

    def __init__(self, layout: Layout, traffic: Traffic, planted: Planted, modules: Mapping[str, TwoTower]) -> None:
        self._traffic, self._planted = traffic, planted
        self._compare = Comparison(Scene(layout, traffic, modules), planted)

    @cached_property
    def _windows(self) -> dict[int, Mask]:
        """Rows of the traffic within the time of each group of plants."""
        windows: dict[int, Mask] = {}
        for number, plant in enumerate(self._planted.plants):
            group = plant.strike.group
            windows.setdefault(group, np.zeros(len(self._traffic), np.bool_))
            for first, last in self._spans(number):
                windows[group] |= self._between(first, last)
        return windows

    def _spans(self, number: int) -> list[tuple[int, int]]:
        """From the first to the last row that was touched, in each of its spans; of a group that is one, of all."""
        plant = self._planted.plants[number]
        start = int(self._traffic.time_us[0])
        group = [one for one in self._planted.plants if one.strike.group == plant.strike.group]
        spans = plant.strike.spans if len(group) == 1 else ((0.0, np.inf),)
        times = np.concatenate([self._traffic.time_us[one.rows] for one in group])
        minutes = (times - start) / 60e6
        inside = [times[(minutes >= first) & (minutes < last)] for first, last in spans]
        return [(int(some.min()), int(some.max()) + 1) for some in inside if len(some)]

    def _between(self, start_us: int, end_us: int) -> Mask:
        return np.asarray((self._traffic.time_us >= start_us) & (self._traffic.time_us < end_us))

    def _told_rows(self, told: Told) -> Mask:
        incident = told.incident
        inside = np.zeros(len(self._traffic), np.bool_)
        for start, end in incident.times or ((incident.start_us, incident.end_us),):
            inside |= self._between(start, end)
        return inside

    def alarms(self, answer: Answer) -> tuple[str, ...]:
        """Incidents that overlap none that was planted."""
        return tuple(
            describe_incident(told, self._traffic)
            for told in answer.told
            if not any((self._told_rows(told) & window).any() for window in self._windows.values())
        )

    def false_claims(self, answer: Answer) -> tuple[str, ...]:
        """What is said of all of the traffic, and is not so."""
        noise, planted = answer.noise, self._planted
        claims = []
        if answer.contract is not None:
            claims.append(f"the contract is blamed: {answer.contract}")
        if not noise.layer.is_identity and not planted.noise.has_layer:
            claims.append(f"a layer at all times: {noise.why}")
        claims += [f"noise with a name: {one.words}" for one in noise.operations if not planted.noise.may_be(one.words)]
        for one in answer.standing:
            if not self._compare.is_planted(one.cause, [plant for plant in planted.plants if plant.strike.standing]):
                claims.append(f"stands at all times: {describe_cause(one.cause)}")
        for story in answer.stories:
            if story.column != "host" or not planted.story.issuperset(story.values):
                claims.append(f"one story of {story.column}={', '.join(story.values)}")
        return tuple(claims)

    def judge(self, answer: Answer) -> tuple[Judged, ...]:
        """Each planted cause."""
        return tuple(self._judge(number, answer) for number in range(len(self._planted.plants)))

    def _judge(self, number: int, answer: Answer) -> Judged:
        plant = self._planted.plants[number]
        window = self._windows[plant.strike.group]
        over = [(told, self._told_rows(told)) for told in answer.told]
        over = [(told, rows) for told, rows in over if (rows & window).any()]
        standing = [one.cause for one in answer.standing] if plant.strike.standing else []
        if not over and not standing:
            return self._missed(plant, answer)
        best = max(over, key=lambda one: _iou(one[1], window), default=None)
        covered = self._covered([rows for _, rows in over] if plant.strike.standing else [best[1]]) if best else [plant]
        lists = [*([standing] if standing else []), *(_causes(told) for told, _ in ([best] if best else []))]
        every = [cause for told, _ in over for cause in _causes(told)] + standing
        return Judged(
            plant.strike.cause.kind,
            len(plant.rows),
            True,
            None if plant.strike.standing else self._overlap(covered, over, best[1], window),
            best is None or best[0].incident.segments == dict(plant.strike.segments),
            any(bool(causes) and self._compare.is_planted(causes[0], covered) for causes in lists),
            any(self._compare.names(cause, plant) for cause in every),
            all(cause.kind == UNEXPLAINED for cause in every),
            (*self._wrong(number, over), *self._swallowed(plant, answer)),
            plant.describe(),
            (
                *(describe_incident(told, self._traffic) for told, _ in over[:3]),
                *dict.fromkeys(map(describe_cause, every)),
            ),
        )

    def _missed(self, plant: Plant, answer: Answer) -> Judged:
        iou = None if plant.strike.standing else 0.0
        wrong = self._swallowed(plant, answer)
        cause, words = plant.strike.cause.kind, plant.describe()
        return Judged(cause, len(plant.rows), False, iou, False, False, False, False, wrong, words, ())

    def _covered(self, several: Iterable[Mask]) -> list[Plant]:
        """Plants that one incident overlaps: it is right to begin with either."""
        return [
            plant
            for plant in self._planted.plants
            if any((rows & self._windows[plant.strike.group]).any() for rows in several)
        ]

    def _overlap(self, covered: list[Plant], over: list[tuple[Told, Mask]], best: Mask, window: Mask) -> float:
        groups = {plant.strike.group for plant in covered}
        if len(groups) > 1:
            return _iou(best, np.any([self._windows[group] for group in groups], axis=0))
        return _iou(np.any([rows for _, rows in over], axis=0), window)

    def _wrong(self, number: int, over: list[tuple[Told, Mask]]) -> tuple[str, ...]:
        """Named causes of these incidents that are none of the planted ones; said of the first that they cover."""
        wrong: list[str] = []
        for told, rows in over:
            covered = self._covered([rows])
            if covered and covered[0] is not self._planted.plants[number]:
                continue
            for cause in _causes(told):
                if cause.kind != UNEXPLAINED and not self._compare.is_planted(cause, self._planted.plants):
                    wrong.append(describe_cause(cause))
                wrong += self._compare.false_equivalents(self._planted.plants[number], cause)
                wrong += self._misplaced(told, cause)
        return tuple(wrong)

    def _misplaced(self, told: Told, cause: NamedCause) -> tuple[str, ...]:
        """Windows of a cause that are not those in which it was planted."""
        windows = told.windows.get(cause.hypothesis, ()) if cause.hypothesis is not None else ()
        numbers = [number for number, plant in enumerate(self._planted.plants) if self._compare.names(cause, plant)]
        if not windows or not numbers:
            return ()
        said = np.any([self._between(one.start_us, one.end_us) for one in windows], axis=0)
        spans = [span for number in numbers for span in self._of_plant(self._planted.plants[number])]
        overlap = max(_iou(said, span) for span in spans)
        if overlap >= LEAST_OVERLAP:
            return ()
        return (f"its time, of which {overlap:.0%} is right: {describe_cause(cause)}",)

    def _of_plant(self, plant: Plant) -> list[Mask]:
        """Rows of the traffic from the first to the last row that a plant touched; that it touched so that it shows."""
        touched = (plant.rows, plant.rows if plant.beside_others is None else plant.beside_others)
        times = [self._traffic.time_us[rows] for rows in touched if len(rows)]
        return [self._between(int(some.min()), int(some.max()) + 1) for some in times]

    def _swallowed(self, plant: Plant, answer: Answer) -> tuple[str, ...]:
        """Whether the tolerance is far wider than the noise, and half of the touched rows are within it."""
        online, replayed = self._planted.online[plant.rows], answer.table.replayed[plant.rows]
        allowed = answer.noise.abs + answer.noise.rel * np.abs(online)
        within = np.mean(np.abs(replayed - online) <= allowed)
        wide = float(np.median(allowed / self._planted.noise.slack(online)))
        if within < 0.5 or wide < _SWALLOWS:
            return ()
        return (f"the tolerance swallowed it: {within:.0%} of its rows, {wide:.0f} times the noise",)


def _causes(told: Told) -> tuple[NamedCause, ...]:
    return () if told.diagnosis is None else told.diagnosis.causes


def _iou(one: Mask, other: Mask) -> float:
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 0.0


def describe_incident(told: Told, traffic: Traffic) -> str:
    """In a line."""
    one = told.incident
    start, end = ((time - int(traffic.time_us[0])) / 60e6 for time in (one.start_us, one.end_us))
    times = f", {len(one.times)} times" if one.times else ""
    return (
        f"{one.kind} from minute {start:.1f} to {end:.1f}{times}, {one.segments or 'all'}, {one.mismatched} of "
        f"{one.rows} rows, p {one.p_value:.1g}"
    )


def describe_cause(cause: NamedCause) -> str:
    """In a line."""
    return f"{cause.kind}, share {cause.share or 0.0:.0%}: {cause.text}"
