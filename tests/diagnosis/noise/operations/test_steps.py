"""Grids that logged scores are on."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.noise.envelope import Envelope
from replay.diagnosis.noise.operation import ScorePair
from replay.diagnosis.noise.operations.steps import find_steps

REPLAYED = np.random.default_rng(0).uniform(0.01, 0.99, 20_000)


def find(online):
    return find_steps(ScorePair(online, REPLAYED, Envelope(1e-7, 1e-6)))


@pytest.mark.parametrize(
    ("online", "step", "words"),
    [
        (np.round(REPLAYED, 2), 0.01, "rounded to 2 decimals"),
        (np.round(REPLAYED, 3).astype(np.float32), 0.001, "rounded to 3 decimals"),
        (np.round(REPLAYED, 1), 0.1, "rounded to 1 decimal"),
        (np.round(REPLAYED, 2).astype(np.float16), 0.01, "rounded to 2 decimals"),
        (np.floor(REPLAYED * 1000) / 1000, 0.001, "cut to 3 decimals"),
        (np.ceil(REPLAYED * 100) / 100, 0.01, "rounded up to 2 decimals"),
        (np.rint(REPLAYED * 255) / 255, 1 / 255, "in steps of 0.00392157"),
        (np.floor(REPLAYED * 64) / 64, 1 / 64, "in steps of 0.015625, cut down to the lower one"),
        ((np.floor(REPLAYED * 50) + 0.5) / 50, 0.02, "in steps of 0.02"),
    ],
)
def test_steps(online, step, words):
    online = online.astype(np.float64)
    found = find(online)

    assert found.step == pytest.approx(step, rel=1e-3)
    assert found.words == words
    # Half a step holds every row, up to what the log's type makes of a step.
    off = np.abs(found.apply(REPLAYED) - online)
    assert off.max() <= found.tolerance.abs + 2.0**-11


@pytest.mark.parametrize(
    "online",
    [
        REPLAYED,
        REPLAYED.astype(np.float32).astype(np.float64),
        REPLAYED.astype(np.float16).astype(np.float64),
        (REPLAYED.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float64),
        np.where(REPLAYED > 0.5, 1.0, 0.0),
    ],
    ids=["float64", "float32", "float16", "bfloat16", "two values"],
)
def test_no_grid(online):
    assert find(online) is None


def test_a_grid_of_the_model_itself_is_no_operation():
    rounded = np.round(REPLAYED, 2)

    assert find_steps(ScorePair(rounded, rounded, Envelope(1e-7, 1e-6))) is None
