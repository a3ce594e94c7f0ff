"""Half precision of logged scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.diagnosis.noise.envelope import Envelope
from replay.diagnosis.noise.operation import ScorePair
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


def test_other_types():
    rounded = REPLAYED.astype(np.float16).astype(np.float64)

    assert find_float_type(ScorePair(REPLAYED, REPLAYED, ARITHMETIC)) is None
    assert find_float_type(ScorePair(rounded, rounded, ARITHMETIC)) is None
    # Integers are held by any type: the step is what is said.
    assert find_float_type(ScorePair(np.rint(REPLAYED * 100), REPLAYED * 100, Envelope(0.5, 1e-6))) is None
