"""Operations on scores, found together and applied in order."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.noise.envelope import NUMERIC_REL
from replay.diagnosis.noise.operation import OPERATIONS, apply_operations, find_operations, named_tolerance, register

REPLAYED = np.random.default_rng(0).uniform(0.01, 0.99, 20_000)


def test_what_is_seen_in_online_alone_comes_first():
    assert list(OPERATIONS) == ["steps", "float_type", "bounds"]


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="second operation on scores named `steps`"):
        register("steps", rank=1)(lambda pair: None)


def test_a_floor_and_decimals():
    online = np.round(np.maximum(REPLAYED, 0.2), 3)
    found = find_operations(online, REPLAYED)
    bound = named_tolerance(found, online)

    assert [type(one).__name__ for one in found] == ["ScoreSteps", "Bounds"]
    assert bound.abs == pytest.approx(0.0005 + NUMERIC_REL * np.median(online))
    assert (np.abs(apply_operations(found, REPLAYED) - online) <= bound.at(online)).all()


def test_nothing_was_done():
    assert find_operations(REPLAYED.astype(np.float32).astype(np.float64), REPLAYED) == ()
    assert named_tolerance((), np.array([0.5, -0.5])).abs == 0.5 * NUMERIC_REL
