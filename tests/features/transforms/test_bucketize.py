from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from replay.config.sections.model.input import Input
from tests.features.transforms.numbers import NUMBERS, assert_same, transformed

EDGES = [-1.0, 0.0, 0.1, 2.5, 1e6]


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_as_torch_and_numpy_do(right: bool, dtype: str) -> None:
    found = transformed({"op": "bucketize", "edges": EDGES, "right": right}, dtype=dtype)
    expected = torch.bucketize(torch.from_numpy(NUMBERS), torch.tensor(EDGES, dtype=torch.float64), right=right)
    assert_same(found, expected.to(getattr(torch, dtype)))
    assert found.tolist() == np.digitize(NUMBERS, EDGES, right=not right).tolist()


def test_an_offset_shifts_the_buckets() -> None:
    assert transformed({"op": "bucketize", "edges": EDGES}, [-2.0, 5.0], dtype="int64", offset=1).tolist() == [1, 5]


def test_edges_ascend() -> None:
    with pytest.raises(ValidationError, match="1 comes after 2: edges ascend"):
        Input(name="x", feature="a", dtype="int64", transform={"op": "bucketize", "edges": [0, 2, 1]})
