"""NaN and Inf are counted exactly, in any dtype and layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.checkpoints import finite
from replay.checkpoints.finite import count_non_finite, is_mask, non_finite_tensors

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2], ids=str
)
def test_every_float_dtype_is_counted(dtype: torch.dtype) -> None:
    assert count_non_finite(torch.tensor([1.0, NAN, INF, -INF, 0.0]).to(dtype)) == 3


def test_a_dtype_without_infinities_counts_nan() -> None:
    assert count_non_finite(torch.tensor([1.0, NAN]).to(torch.float8_e4m3fn)) == 1


def test_the_largest_numbers_are_finite() -> None:
    assert count_non_finite(torch.full((100,), torch.finfo(torch.float32).max)) == 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8])
def test_integers_are_finite(dtype: torch.dtype) -> None:
    assert count_non_finite(torch.ones(3, dtype=dtype)) == 0


def test_complex_elements_count_once() -> None:
    assert count_non_finite(torch.tensor([complex(NAN, INF), complex(0, NAN), 1j])) == 2


def test_layouts_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "_CHUNK_BYTES", 64)
    generator = np.random.default_rng(0)
    array = generator.standard_normal((37, 11)).astype(np.float32)
    array[generator.random(array.shape) < 0.1] = np.nan
    expected = int(np.isnan(array).sum())
    tensor = torch.from_numpy(array)
    assert count_non_finite(tensor) == expected
    assert count_non_finite(tensor.t()) == expected
    assert count_non_finite(tensor[::2, 1:]) == int(np.isnan(array[::2, 1:]).sum())
    assert count_non_finite(tensor[:0]) == 0
    assert count_non_finite(tensor[None].expand(5, 37, 11)) == 5 * expected


def test_an_expanded_tensor_takes_no_memory() -> None:
    assert count_non_finite(torch.tensor([NAN]).expand(1 << 40)) == 1 << 40


def test_tensors_are_named_in_order_and_tied_ones_each() -> None:
    bad = torch.tensor([NAN, 1.0])
    found = non_finite_tensors({"b": bad, "fine": torch.ones(1), "a": bad, "tail": bad[1:]})
    assert found == (("b", 1), ("a", 1))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0, -INF], True), ([0.0, INF], False), ([0.0, NAN], False), ([1.0, -INF], False)],
)
def test_a_mask_is_zero_and_minus_infinity(values: list[float], expected: bool) -> None:
    assert is_mask(torch.tensor(values)) is expected
