"""Half precision of logged scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.diagnosis.noise.envelope import Envelope
from replay.diagnosis.noise.operation import ScorePair, find_operations
from replay.diagnosis.noise.operations.float_type import find_float_type

REPLAYED = np.exp(np.random.default_rng(0).uniform(-20.0, 0.0, 20_000))
ARITHMETIC = Envelope(0.0, 1e-6)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_a_unit_in_the_last_place(name):
    online = torch.from_numpy(REPLAYED).to(getattr(torch, name)).double().numpy()
    found = find_float_type(ScorePair(online, REPLAYED, ARITHMETIC))

    assert found.words == f"held as {name}"
    # Scores below float16's smallest normal number (6e-5) are among them.
    assert (np.abs(REPLAYED - online) <= found.tolerance.at(online) + ARITHMETIC.at(online)).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("spread", [1.0, 2.0, 3.0, 6.0])
def test_small_scores_beside_large_ones_are_no_grid(name, spread):
    """The steps of the smallest ones are finer than what arithmetic leaves open for the others."""
    logit = np.random.default_rng(1).normal(-2.0, spread, 20_000)
    replayed = (1.0 / (1.0 + np.exp(-logit))).astype(np.float32)
    online = torch.from_numpy(replayed).to(getattr(torch, name)).double().numpy()
    operations = find_operations(online, replayed.astype(np.float64))

    assert [one.words for one in operations] == [f"held as {name}"]


def test_decimals_that_a_narrow_type_holds_are_steps():
    replayed = np.random.default_rng(2).uniform(0.0, 1.0, 20_000)
    online = np.rint(replayed * 8) / 8

    assert [one.words for one in find_operations(online, replayed)] == ["in steps of 0.125"]


def test_other_types():
    rounded = REPLAYED.astype(np.float16).astype(np.float64)

    assert find_float_type(ScorePair(REPLAYED, REPLAYED, ARITHMETIC)) is None
    assert find_float_type(ScorePair(rounded, rounded, ARITHMETIC)) is None
    # Integers are held by any type: the step is what is said.
    assert find_float_type(ScorePair(np.rint(REPLAYED * 100), REPLAYED * 100, Envelope(0.5, 1e-6))) is None
