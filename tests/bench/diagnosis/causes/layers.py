"""The answer went through another layer."""

from __future__ import annotations

import numpy as np

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause
from tests.bench.diagnosis.world import Floats


@cause("affine")
def affine(scene: Scene, rng: np.random.Generator) -> Cause:
    """Another offset and slope of the logit."""
    offset, slope = float(rng.normal(0.0, 0.3)), float(rng.uniform(0.8, 1.25))
    return Cause(scene, {"offset": offset, "slope": slope}, finish=lambda scores: through_layer(scores, offset, slope))


def through_layer(scores: Floats, offset: float, slope: float) -> Floats:
    """Offset and slope of the logit of probabilities."""
    logit = np.log(scores / (1.0 - scores))
    return np.asarray(1.0 / (1.0 + np.exp(-(offset + slope * logit))))
