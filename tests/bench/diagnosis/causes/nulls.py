"""Nothing was served: a family, some features, or zeros in their place."""

from __future__ import annotations

import numpy as np

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, in_random_order, pick


@cause("null_family")
def null_family(scene: Scene, rng: np.random.Generator) -> Cause:
    """All features of a family."""
    touched = scene.layout.families[pick(rng, tuple(scene.layout.families))]
    return Cause(scene, {"touched": touched}, lambda served: scene.missing(touched))


@cause("null_features")
def null_features(scene: Scene, rng: np.random.Generator) -> Cause:
    """One to three features."""
    touched = tuple(in_random_order(rng, scene.layout.features))[: int(rng.integers(1, 4))]
    return Cause(scene, {"touched": touched}, lambda served: scene.missing(touched))


@cause("zeros")
def zeros(scene: Scene, rng: np.random.Generator) -> Cause:
    """Zeros instead of nulls: what a contract that fills nulls with zero cannot tell from nulls."""
    touched = tuple(in_random_order(rng, scene.layout.quantities))[: int(rng.integers(1, 3))]
    return Cause(scene, {"touched": touched}, lambda served: {name: np.zeros_like(served[name]) for name in touched})
