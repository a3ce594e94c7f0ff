"""A random case: serving noise, drift between scoring and logging, and incidents on some rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench.diagnosis.causes import KNOWN_KINDS, UNKNOWN_KINDS, Cause, Culprit
from tests.bench.diagnosis.towers import TwoTower
from tests.bench.diagnosis.world import BASELINE, MINUTE_US, Floats, Layout, Mask, Served, Traffic, answer

LEAST_TOUCHED = 20
_UNKNOWN_SHARE = 0.12
_TRIES = 40
_NOISES = {"float32": 1e-5, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True, eq=False)
class Plant:
    """One cause on some rows.

    Attributes:
        cause: What happened.
        segments: To whom.
        share: Of those rows, while it lasted.
        minutes: How long it lasted.
        rows: ``(k,)`` positions whose answer it changed by more than the serving noise.
    """

    cause: Cause
    segments: Mapping[str, str]
    share: float
    minutes: float
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Planted:
    """What online answered in one case, and what was done to it.

    Attributes:
        online: ``(num_rows,)``.
        noise: ``float32``, ``float16`` or ``bfloat16``: how answers were rounded.
        drift: Share of rows whose feature moved between scoring and logging.
        plants: None in a clean run; two of a mixture, or one after another.
        shape: ``clean``, ``one``, ``mixture`` or ``in turn``.
    """

    online: Floats
    noise: str
    drift: float
    plants: tuple[Plant, ...] = field(default=())
    shape: str = "clean"


@dataclass(frozen=True)
class _Window:
    first: float  # minutes from the start
    last: float
    segments: Mapping[str, str]
    share: float
    by_group: bool


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
        self._layout, self._traffic, self._rng = layout, traffic, rng
        self._minute = (traffic.time_us - traffic.time_us[0]) / MINUTE_US
        self._noise = tuple(_NOISES)[rng.integers(len(_NOISES))]
        self._drift = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.01, 0.04))
        # Online scored what it saw; the log holds what a second request saw a moment later.
        seen = {**traffic.served, **self._drifted(self._moved_rows())}
        self._clean = answer(modules[BASELINE], layout, seen)
        self._culprit = Culprit(layout, replace(traffic, served=seen), modules)

    def clean(self) -> Planted:
        """A run in which nothing happened."""
        return Planted(_rounded(self._clean, self._noise), self._noise, self._drift)

    def incident(self) -> Planted:
        """One or two causes, each visible in at least ``LEAST_TOUCHED`` rows."""
        rng = self._rng
        shape = "one" if rng.random() < 0.8 else "mixture" if rng.random() < 0.5 else "in turn"
        for _ in range(_TRIES):
            window = self._window()
            if shape == "one":
                unknown = rng.random() < _UNKNOWN_SHARE
                kind = UNKNOWN_KINDS[rng.integers(2)] if unknown else KNOWN_KINDS[rng.integers(len(KNOWN_KINDS))]
                window = self._shared(kind, window)
                drawn = [(self._cause(kind), window, self._rows(window))]
            else:
                drawn = self._two(window, shape)
            plants, online = self._plant(drawn)
            if all(len(plant.rows) >= LEAST_TOUCHED for plant in plants):
                return Planted(_rounded(online, self._noise), self._noise, self._drift, tuple(plants), shape)
        raise RuntimeError(f"no visible incident in {_TRIES} draws: the model hardly reacts to its features")

    def _plant(self, drawn: list[tuple[Cause, _Window, NDArray[np.int64]]]) -> tuple[list[Plant], Floats]:
        online, plants = self._clean.copy(), []
        for cause, window, rows in drawn:
            online[rows] = cause.scores[rows]
            change = np.abs(cause.scores - self._clean)[rows]
            seen = rows[change > 3.0 * _NOISES[self._noise] * np.abs(self._clean[rows]) + 1e-7]
            plants.append(Plant(cause, window.segments, window.share, window.last - window.first, seen))
        return plants, online

    def _two(self, window: _Window, shape: str) -> list[tuple[Cause, _Window, NDArray[np.int64]]]:
        rng = self._rng
        kinds = rng.permutation(KNOWN_KINDS)[:2]
        first, second = (self._cause(str(kind)) for kind in kinds)
        if shape == "mixture":
            rows = self._rows(window)
            of_first = rng.random(len(rows)) < rng.uniform(0.35, 0.65)
            return [(first, window, rows[of_first]), (second, window, rows[~of_first])]
        gap, length = rng.uniform(0.0, 20.0), _length(rng)
        later = _Window(window.last + gap, window.last + gap + length, window.segments, window.share, window.by_group)
        return [(first, window, self._rows(window)), (second, later, self._rows(later))]

    def _cause(self, kind: str) -> Cause:
        return self._culprit.make(kind, self._rng)

    def _window(self) -> _Window:
        rng = self._rng
        length = _length(rng)
        first = float(rng.uniform(0.0, self._minute[-1] - length))
        chosen = rng.permutation(self._layout.segments)[: rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])]
        row = int(rng.integers(len(self._traffic)))  # the slice of a random row: large ones come more often
        segments = {str(name): str(self._traffic.table[str(name)][row]) for name in chosen}
        share = 1.0 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(0.05), 0.0)))
        return _Window(first, first + length, segments, share, bool(rng.random() < 0.3))

    def _shared(self, kind: str, window: _Window) -> _Window:
        """A checkpoint answers everything, a route some of it; the other kinds as drawn."""
        if kind == "checkpoint":
            return replace(window, share=1.0)
        return replace(window, share=float(self._rng.uniform(0.05, 0.8))) if kind == "route" else window

    def _rows(self, window: _Window) -> NDArray[np.int64]:
        inside = (self._minute >= window.first) & (self._minute < window.last)
        inside &= self._traffic.in_slice(window.segments)
        if window.share < 1.0:
            inside &= self._drawn(window.share, window.by_group)
        return np.flatnonzero(inside)

    def _drawn(self, share: float, by_group: bool) -> Mask:
        """A random share of the rows, or of the requests."""
        group = self._traffic.group
        if group is None or not by_group:
            return self._rng.random(len(self._traffic)) < share
        return np.asarray(self._rng.random(int(group.max()) + 1)[group] < share)

    def _moved_rows(self) -> Mask:
        return self._drawn(self._drift, bool(self._rng.random() < 0.5))

    def _drifted(self, moved: Mask) -> Served:
        """One or two floats that are, in the moved rows, a little off what was logged."""
        rng, served = self._rng, self._traffic.served
        names = rng.permutation(self._layout.quantities)[: rng.integers(1, 3)]
        changes = {str(name): np.where(moved, 1.0 + 0.1 * rng.normal(size=len(moved)), 1.0) for name in names}
        return {name: (served[name] * change).astype(np.float32) for name, change in changes.items()}


def _length(rng: np.random.Generator) -> float:
    """Minutes, 1 to 60, evenly on a logarithmic scale."""
    return float(np.exp(rng.uniform(0.0, np.log(60.0))))


def _rounded(scores: Floats, noise: str) -> Floats:
    return torch.from_numpy(scores).to(getattr(torch, noise)).double().numpy()
