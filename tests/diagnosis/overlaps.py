"""Several causes at once, planted in plain numpy and torch, each with minutes, a slice and a share of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.incidents.rows import RowTable
from tests.diagnosis.worlds import MODEL, MODULES, World, make_world, null_columns, scorer_of

START_US = 1_795_000_000_000_000
MINUTE = 60_000_000
TOLERANCE = Tolerance(abs=1e-6, rel=1e-5)
SURFACES = ("home", "search", "feed")


@dataclass(frozen=True)
class Fault:
    """What online did from minute to minute to a share of the rows of a slice: null features, or another model."""

    first: float
    last: float
    nulls: tuple[str, ...] = ()
    model: str = "prod"
    segments: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class Overlap:
    """Traffic of two hours with some faults.

    Attributes:
        world: Features and models.
        table: Rows, as the search for incidents takes them.
        hit: By fault ``(num_rows,)`` bool, rows that it hit.
    """

    world: World
    table: RowTable
    hit: tuple[NDArray[np.bool_], ...]

    @property
    def minute(self) -> NDArray[np.float64]:
        return (self.table.time_us - START_US) / MINUTE

    @property
    def identity(self) -> NDArray[np.int64]:
        return np.random.default_rng(1).permutation(len(self.table)) * 1_000_003

    def counterfactual(self, places: NDArray[np.int64], mismatched: NDArray[np.bool_]) -> CounterfactualReplay:
        """Where hypotheses about some rows are replayed."""
        world = self.world
        evidence = Evidence(
            pa.table(world.columns).take(pa.array(places)).combine_chunks().to_batches()[0],
            self.table.online[places],
            mismatched,
            mismatch_rate=1.0,
        )
        scorers = {name: scorer_of(module, name) for name, module in world.models.items()}
        return CounterfactualReplay(
            MODEL,
            evidence,
            scorers,
            "prod",
            TOLERANCE,
            1_000_000,
            open_recipe=world.open_recipe,
            parameters=[f"{module}.weight" for module in MODULES],
        )


def plant(faults: Sequence[Fault], *, seed: int = 1, num_rows: int = 12_000, moved: float = 0.0) -> Overlap:
    """Traffic with some faults; `moved` of the rows, at all times, were scored with another feature than was logged."""
    world = make_world(seed, num_rows, incident=1)
    rng = np.random.default_rng(seed)
    minute = np.sort(rng.uniform(0, 120, num_rows))
    codes = rng.choice(len(SURFACES), p=[0.5, 0.3, 0.2], size=num_rows).astype(np.int32)
    country = rng.choice(2, size=num_rows).astype(np.int32)
    segments = {"surface": (codes, SURFACES), "country": (country, ("DE", "US"))}
    columns, model, hits = dict(world.columns), np.full(num_rows, "prod", dtype=object), []
    for fault in faults:
        hit = (minute >= fault.first) & (minute < fault.last) & (rng.random(num_rows) < fault.share)
        for name, value in fault.segments.items():
            hit &= segments[name][0] == segments[name][1].index(value)
        nulls = null_columns(columns, fault.nulls)
        columns = {name: np.where(hit, nulls[name], column) for name, column in columns.items()}
        model[hit & (fault.model != "prod")] = fault.model
        hits.append(hit)
    strays = rng.random(num_rows) < moved
    columns["context_0"] = np.where(strays, columns["context_0"] + 0.1, columns["context_0"]).astype(np.float32)
    online = np.select(
        [model == name for name in world.models], [world.score(columns, name) for name in world.models]
    ).astype(np.float64)
    time_us = START_US + (minute * MINUTE).astype(np.int64)
    return Overlap(world, RowTable(time_us, online, world.base, segments), tuple(hits))
