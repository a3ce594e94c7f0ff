import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from replay.config.sections.dtypes import DTYPES, as_number, largest_index, misfit

INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
FLOATS = ("float64", "float32", "float16", "bfloat16")


def test_every_dtype_is_torch_s():
    assert all(isinstance(getattr(torch, name), torch.dtype) for name in DTYPES)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_hold_their_range(dtype):
    limits = torch.iinfo(getattr(torch, dtype))
    for value in (limits.min, limits.max, 0, True):
        assert misfit(value, dtype) is None
    for value in (limits.min - 1, limits.max + 1, 0.5, float("nan"), float("inf"), "1", 1e300):
        assert misfit(value, dtype) is not None


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_hold_what_stays_finite(dtype):
    largest = torch.finfo(getattr(torch, dtype)).max
    for value in (largest, -largest, 0.1, 10**3, True, "1e-3", float("nan"), float("inf"), "-inf"):
        assert misfit(value, dtype) is None
    if dtype != "float64":
        assert (
            misfit(largest * 2, dtype)
            == f"found {largest * 2!r}, which {dtype} cannot hold: its largest value is {largest:g}"
        )
        assert misfit(-(10**60), dtype) is not None
    assert misfit("much", dtype) == "found 'much', expected a number: text needs a `vocabulary` or `hash`"


def test_bools():
    assert [misfit(value, "bool") is None for value in (True, 0, 1.0, 2, -1, 0.5)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@given(st.integers() | st.floats(), st.sampled_from(INTEGERS))
def test_integers_as_numpy_holds_them(value, dtype):
    limits = np.iinfo(dtype)
    whole = isinstance(value, int) or (np.isfinite(value) and value == int(value))
    assert (misfit(value, dtype) is None) == (whole and int(limits.min) <= value <= int(limits.max))


def test_indices():
    assert [largest_index(dtype) for dtype in ("int64", "int32", "int16", "int8")] == [
        2**63 - 1,
        2**31 - 1,
        2**15 - 1,
        127,
    ]
    assert [largest_index(dtype) for dtype in ("uint8", "bool", "float32", "int7")] == [None] * 4


def test_numbers_in_text():
    assert [as_number(text) for text in ("5", " -1e3 ", "x", "")] == [5.0, -1000.0, None, None]
