"""Tensor dtypes against torch's own answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.features.dtypes import TARGETS


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_tensor_has_the_named_dtype_and_the_values(name: str):
    dtype = TARGETS[name]
    tensor = dtype.tensor(np.array([0, 1, 1], dtype.storage))

    assert tensor.dtype == getattr(torch, name)
    assert tensor.tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"bfloat16"}))
def test_memory_is_shared_where_numpy_has_the_dtype(name: str):
    values = np.zeros(2, TARGETS[name].storage)
    tensor = TARGETS[name].tensor(values)
    values[0] = 1

    assert tensor[0] == 1


def test_bfloat16_overflows_where_torch_says():
    overflow = np.float32(TARGETS["bfloat16"].overflow)
    below = np.nextafter(overflow, np.float32(0))

    assert torch.tensor(overflow).to(torch.bfloat16).isinf()
    assert torch.tensor(below).to(torch.bfloat16).isfinite()


@pytest.mark.parametrize("name", sorted(name for name in TARGETS if getattr(torch, name).is_floating_point))
def test_the_largest_float_is_torch_s(name: str):
    assert TARGETS[name].high == torch.finfo(getattr(torch, name)).max
