"""Values of other rows: the row before, the request before, anyone's."""

from __future__ import annotations

import numpy as np

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.world import Served


@cause("row_before", has_name=False)
def row_before(scene: Scene, rng: np.random.Generator) -> Cause:
    """A family of the row before, within the request where there are requests; the first row keeps its own."""
    family = pick(rng, tuple(scene.layout.families))
    group = scene.traffic.group
    source = np.maximum(np.arange(len(scene.traffic)) - 1, 0)
    if group is not None:
        source = np.where(group[source] == group, source, np.arange(len(scene.traffic)))
    return _from_rows(scene, family, source, "the row before")


@cause("other_user", has_name=False)
def other_user(scene: Scene, rng: np.random.Generator) -> Cause:
    """A family of the entity that came just before: a join that is off by one."""
    family = pick(rng, tuple(scene.layout.families))
    entity = scene.traffic.entity
    begins = np.flatnonzero(np.r_[True, entity[1:] != entity[:-1]])
    place = np.searchsorted(begins, np.arange(len(entity)), side="right") - 1
    return _from_rows(scene, family, np.maximum(begins[place] - 1, 0), "the entity before")


@cause("garbage", has_name=False)
def garbage(scene: Scene, rng: np.random.Generator) -> Cause:
    """Each row a value of its own: another row's, or noise."""
    family = pick(rng, tuple(scene.layout.families))
    seed, noisy = int(rng.integers(1 << 30)), bool(rng.random() < 0.5)

    def change(served: Served) -> Served:
        draws, changed = np.random.default_rng(seed), {}
        for name in scene.layout.families[family]:
            logged = served[name]
            if logged.dtype == np.float32 and noisy:
                noise = draws.normal(0.0, 1.0, logged.shape) * (logged.std(axis=0) + 0.1)
                changed[name] = (logged + noise).astype(np.float32)
            else:
                changed[name] = draws.permutation(logged)
        return changed

    return Cause(scene, {"family": family, "noisy": noisy}, change)


def _from_rows(scene: Scene, family: str, source: np.ndarray, whose: str) -> Cause:
    names = scene.layout.families[family]
    return Cause(scene, {"touched": names, "of": whose}, lambda served: {name: served[name][source] for name in names})
