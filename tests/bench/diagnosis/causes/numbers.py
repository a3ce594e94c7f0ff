"""Numbers in another unit, stuck, or exchanged."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.world import Served

_FACTORS = (1000.0, 0.001, 100.0, 0.01, 60.0, 1 / 60, 24.0, -1.0, 2.54, 1 / 1.8)


@cause("scale")
def scale(scene: Scene, rng: np.random.Generator) -> Cause:
    """A feature in another unit; its nulls stay what they are."""
    name, factor = pick(rng, scene.layout.quantities), pick(rng, _FACTORS)

    def change(served: Served) -> Served:
        scaled = (served[name].astype(np.float64) * factor).astype(np.float32)
        null = scene.traffic.null.get(name)
        return {name: scaled if null is None else np.where(null, served[name], scaled)}

    return Cause(scene, {"touched": (name,), "factor": factor}, change)


@cause("constant")
def constant(scene: Scene, rng: np.random.Generator) -> Cause:
    """A feature that is stuck; an id at a value that is often seen."""
    layout, served = scene.layout, scene.traffic.served
    ids = (*layout.query_ids, *layout.item_ids)
    name = pick(rng, (*layout.quantities, *ids))
    value: float
    if name in ids:
        value = int(np.bincount(served[name][served[name] > 0]).argmax())
    else:
        default, middle = layout.missing.get(name, 0.0), float(np.median(served[name]))
        value = pick(rng, tuple(one for one in (1.0, -1.0, 7.0, middle) if one != default))
    return Cause(scene, {"touched": (name,), "value": value}, lambda served: {name: np.full_like(served[name], value)})


@cause("swap")
def swap(scene: Scene, rng: np.random.Generator) -> Cause:
    """Two columns of one stack exchanged; a null is what the place that it is served in makes of it."""
    layout = scene.layout
    stacks = (layout.query, layout.query_ids, layout.item, layout.item_ids)
    first, second = pick(rng, [pair for stack in stacks for pair in combinations(stack, 2)])

    def taken(served: Served, here: str, there: str) -> np.ndarray:
        null = scene.traffic.null.get(there)
        default = layout.missing.get(here, 0)
        return served[there] if null is None else np.where(null, default, served[there]).astype(served[here].dtype)

    return Cause(
        scene,
        {"touched": (first, second)},
        lambda served: {first: taken(served, first, second), second: taken(served, second, first)},
    )
