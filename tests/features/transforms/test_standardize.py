from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import StandardScaler

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import ConfigError
from replay.features import Encoder
from tests.features.transforms.numbers import assert_same, transformed


def test_as_scikit_learn_does() -> None:
    values = np.random.default_rng(0).gamma(2.0, 3.0, 200)
    scaler = StandardScaler().fit(values[:, None])
    step = {"op": "standardize", "mean": float(scaler.mean_[0]), "std": float(scaler.scale_[0])}
    assert_same(transformed(step, values), scaler.transform(values[:, None])[:, 0])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"mean": 1, "std": 0}, "found std 0 for `a`, expected more than 0"),
        ({"mean": {"a": 1}, "std": 1}, "`standardize` has no `mean` for `b`: name it, or give the others one as `[*]`"),
    ],
)
def test_what_it_needs_of_each_feature(given: dict[str, object], problem: str) -> None:
    entry = Input(name="x", features=("a", "b"), transform={"op": "standardize", **given})
    with pytest.raises(ConfigError, match=rf"model.inputs\[0\].transform: {problem}"):
        Encoder(ModelConfig(inputs=(entry,)), pa.schema([("a", pa.float32()), ("b", pa.int8())]))
