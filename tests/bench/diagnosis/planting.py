"""A random case: how online logs its answers, drift between scoring and logging, and an incident of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tests.bench.diagnosis.causes import Scene, both
from tests.bench.diagnosis.incidents import INCIDENTS, Draft, Stage, Strike
from tests.bench.diagnosis.noises import TYPES, Noise
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import Floats, Layout, Mask, Served, Traffic

LEAST_TOUCHED = 20
_TRIES = 40
_VISIBLE = 3.0  # times what the noise leaves open


@dataclass(frozen=True, eq=False)
class Plant:
    """One cause on some rows.

    Attributes:
        strike: What happened, when and to whom.
        rows: ``(k,)`` positions whose logged answer it changes by more than the noise, alone.
        beside_others: ``(k,)`` the same beside all else that struck them: a factor on what is null as well shows on no
            row. None: nothing else did.
    """

    strike: Strike
    rows: NDArray[np.int64]
    beside_others: NDArray[np.int64] | None = None

    def describe(self) -> str:
        """In a line."""
        strike, spans = self.strike, self.strike.spans
        when = f"minute {spans[0][0]:.1f} to {spans[-1][1]:.1f}" + (f", {len(spans)} times" if len(spans) > 1 else "")
        if strike.standing:
            when = "at all times"
        return f"{strike.cause.describe()}, {strike.share:.0%} of {dict(strike.segments) or 'all'}, {when}"


@dataclass(frozen=True, eq=False)
class Planted:
    """What online answered in one case, and what was done to it.

    Attributes:
        online: ``(num_rows,)``.
        noise: How answers were logged.
        drift: Share of rows whose feature moved between scoring and logging.
        kind: In ``INCIDENTS``, or ``clean``.
        plants: None in a clean run.
        versions: ``(num_rows,)`` checkpoint that the log names, where it does.
        story: Hosts that are one story.
    """

    online: Floats
    noise: Noise
    drift: float
    kind: str = "clean"
    plants: tuple[Plant, ...] = field(default=())
    versions: NDArray[np.str_] | None = None
    story: frozenset[str] = field(default=frozenset())


class Planter:
    """Plants incidents in one stretch of traffic.

    Args:
        layout: Of the world.
        traffic: What was logged.
        modules: By checkpoint name.
        rng: Decides everything.
    """

    def __init__(
        self, layout: Layout, traffic: Traffic, modules: Mapping[str, TwoTower], rng: np.random.Generator
    ) -> None:
        self._rng = rng
        self._stage = Stage(Scene(layout, traffic, modules), rng)
        self._noise = TYPES[rng.integers(len(TYPES))]
        self._drift = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.01, 0.04))
        # Online scored what it saw; the log holds what a second request saw a moment later.
        moved = self._stage.drawn(self._drift, by_group=bool(rng.random() < 0.5))
        self._seen: Served = {**traffic.served, **self._drifted(moved)}

    def clean(self) -> Planted:
        """A run in which nothing happened."""
        return Planted(self._noise.apply(self._stage.scene.score(self._seen)), self._noise, self._drift)

    def incident(self, kind: str) -> Planted:
        """An incident of a kind, each of its causes visible in at least ``LEAST_TOUCHED`` rows."""
        for attempt in range(_TRIES):
            draft = INCIDENTS[kind].draw(self._stage)
            # What changes answers by little is seen where they are logged with all of their digits.
            noise = draft.noise or (self._noise if attempt < _TRIES // 2 else TYPES[0])
            clean = self._unharmed(draft)
            online = self._struck(draft, clean)
            plants = tuple(self._plant(number, draft, noise, clean) for number in range(len(draft.strikes)))
            if all(len(plant.rows) >= LEAST_TOUCHED for plant in plants):
                return Planted(noise.apply(online), noise, self._drift, kind, plants, draft.versions, draft.story)
        raise RuntimeError(f"no visible incident of kind {kind} in {_TRIES} draws: the model hardly reacts to it")

    def _unharmed(self, draft: Draft) -> Floats:
        """What the checkpoint that the log names answers."""
        scene = self._stage.scene
        clean = scene.score(self._seen)
        if draft.versions is not None:
            for version in np.unique(draft.versions):
                rows = np.flatnonzero(draft.versions == version)
                clean[rows] = scene.score(self._seen, rows, scene.modules[str(version)])
        return clean

    def _struck(self, draft: Draft, clean: Floats) -> Floats:
        """What online answers: rows that several causes hit have all of them."""
        online, by_row = clean.copy(), np.zeros(len(clean), np.int64)
        for number, strike in enumerate(draft.strikes):
            by_row[strike.rows] |= 1 << number
        for code in np.unique(by_row[by_row > 0]):
            causes = [strike.cause for number, strike in enumerate(draft.strikes) if code >> number & 1]
            rows = np.flatnonzero(by_row == code)
            online[rows] = reduce(both, causes).answers(self._seen, rows)
        return online

    def _plant(self, number: int, draft: Draft, noise: Noise, clean: Floats) -> Plant:
        strike = draft.strikes[number]
        answers = strike.cause.answers(self._seen, strike.rows)
        rows = strike.rows[noise.differ(answers, clean[strike.rows], _VISIBLE)]
        if len(draft.strikes) == 1:
            return Plant(strike, rows)
        without = replace(draft, strikes=(*draft.strikes[:number], *draft.strikes[number + 1 :]))
        online, others = (self._struck(one, clean)[strike.rows] for one in (draft, without))
        return Plant(strike, rows, strike.rows[noise.differ(online, others, _VISIBLE)])

    def _drifted(self, moved: Mask) -> Served:
        """One or two floats that are, in the moved rows, a little off what was logged."""
        rng, served = self._rng, self._stage.scene.traffic.served
        names = rng.permutation(self._stage.scene.layout.quantities)[: rng.integers(1, 3)]
        changes = {str(name): np.where(moved, 1.0 + 0.1 * rng.normal(size=len(moved)), 1.0) for name in names}
        return {name: (served[name] * change).astype(np.float32) for name, change in changes.items()}
