from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import minmax_scale

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import ConfigError
from replay.features import Encoder
from tests.features.transforms.numbers import assert_same, transformed


def test_a_range_becomes_0_to_1_and_what_is_outside_stays_outside() -> None:
    assert_same(transformed({"op": "minmax", "min": -1, "max": 3}, [-1.0, 1.0, 3.0, 5.0]), np.array([0, 0.5, 1, 1.5]))


def test_as_scikit_learn_does_to_the_rounding() -> None:
    values = np.random.default_rng(0).normal(size=50)
    step = {"op": "minmax", "min": values.min(), "max": values.max()}
    np.testing.assert_allclose(transformed(step, values).numpy(), minmax_scale(values), rtol=1e-12, atol=1e-15)


def test_an_empty_range_is_refused() -> None:
    entry = Input(name="x", feature="a", transform={"op": "minmax", "min": 1, "max": {"a": 1}})
    with pytest.raises(ConfigError, match="found min 1 and max 1 for `a`, expected a smaller min"):
        Encoder(ModelConfig(inputs=(entry,)), pa.schema([("a", pa.float32())]))
