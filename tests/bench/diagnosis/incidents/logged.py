"""Answers that are logged with few digits or within a range, at all times, and an incident among them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.diagnosis.incidents.incident import Draft, Draw, incident
from tests.bench.diagnosis.incidents.stage import Stage
from tests.bench.diagnosis.noises import TYPES, Noise, bounded, cut, layered, rounded

_UNDER = ("null_family", "null_features", "checkpoint", "scale", "constant", "hour_shift")


def _under(noise: Callable[[Stage], Noise]) -> Draw:
    def draw(stage: Stage) -> Draft:
        cause = stage.cause(*_UNDER)
        return Draft((stage.strike(cause, stage.window_for(cause.kind)),), noise=noise(stage))

    return draw


def _quantile(stage: Stage, low: float, high: float) -> float:
    """A score that so many of the model's answers lie below."""
    scores = stage.scene.score(stage.scene.traffic.served)
    return float(np.float32(np.quantile(scores, stage.rng.uniform(low, high))))


def _clipped(stage: Stage) -> Noise:
    return bounded(_quantile(stage, 0.05, 0.2), _quantile(stage, 0.8, 0.95))


def _calibrated(stage: Stage) -> Noise:
    return layered(float(stage.rng.normal(0.0, 0.5)), float(stage.rng.uniform(0.7, 1.4)))


def _decimals(stage: Stage) -> int:
    """So many that a step is a tenth of the spread of the scores, or less."""
    spread = float(np.std(stage.scene.score(stage.scene.traffic.served)))
    return int(np.ceil(-np.log10(spread))) + int(stage.rng.integers(1, 3))


incident("logged_rounded")(_under(lambda stage: rounded(_decimals(stage))))
incident("logged_cut")(_under(lambda stage: cut(_decimals(stage))))
incident("logged_float16")(_under(lambda stage: TYPES[1]))
incident("logged_clipped")(_under(_clipped))
incident("logged_floor")(_under(lambda stage: bounded(_quantile(stage, 0.05, 0.25), np.inf)))
incident("logged_cap")(_under(lambda stage: bounded(-np.inf, _quantile(stage, 0.75, 0.95))))
incident("logged_calibrated")(_under(_calibrated))
