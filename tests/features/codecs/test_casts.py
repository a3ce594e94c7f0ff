from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from replay.features.codecs.casts import make_cast
from replay.features.dtypes import TARGETS
from tests.features import oracle

SOURCES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


def edges(source: str) -> np.ndarray:
    """Every power of two and its neighbours, as far as the dtype has them."""
    dtype = np.dtype(source)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = {sign * (2**power + step) for power in range(65) for step in (-1, 0, 1) for sign in (-1, 1)}
        return np.array(sorted(value for value in values if info.min <= value <= info.max), dtype)
    with np.errstate(over="ignore"):
        powers = np.ldexp(1.0, np.arange(-1074, 1024)).astype(dtype)
        around = [
            np.nextafter(powers, dtype.type(0)),
            powers,
            np.nextafter(powers, dtype.type(np.inf)),
            powers * dtype.type(1.5),
        ]
        ints = np.arange(-300, 300).astype(dtype)
        tail = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).min], dtype)
        values = np.concatenate([*around, *(-each for each in around), ints, tail])
    return np.unique(values)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", list(TARGETS))
def test_each_value_is_cast_as_the_oracle_says_or_refused(source: str, target: str) -> None:
    values = edges(source)
    cast, unfit = make_cast(values.dtype, TARGETS[target])(values)
    tensor = TARGETS[target].tensor(cast)
    assert tensor.dtype == getattr(torch, target)
    for place, value in enumerate(values.tolist()):
        try:
            expected = oracle.fit(value, target)
        except oracle.RefusedError:
            assert unfit is not None, (value, tensor[place])
            assert unfit[place], (value, tensor[place])
            continue
        assert unfit is None or not unfit[place], value
        found = tensor[place].item()
        assert found == expected or (found != found and expected != expected), (value, found, expected)


@pytest.mark.parametrize("target", list(TARGETS))
def test_every_float16(target: str) -> None:
    values = np.arange(2**16, dtype=np.uint16).view(np.float16)
    cast, unfit = make_cast(values.dtype, TARGETS[target])(values)
    tensor = TARGETS[target].tensor(cast).double().numpy()
    fits = np.ones(len(values), bool) if unfit is None else ~unfit
    if TARGETS[target].kind == "f":
        # Half of the significand's bits are dropped for bfloat16, and none of them for the others.
        expected = torch.from_numpy(values).to(getattr(torch, target)).double().numpy()
        assert fits.all()
        assert np.array_equal(tensor, expected, equal_nan=True)
    else:
        wide = np.nan_to_num(values.astype(np.float64), nan=0.5)
        whole = np.isfinite(wide) & (np.floor(wide) == wide)
        assert np.array_equal(fits, whole & (wide >= TARGETS[target].low) & (wide <= TARGETS[target].high))
        assert np.array_equal(tensor[fits], wide[fits])


@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("target", list(TARGETS))
def test_a_signalling_nan_is_a_nan_and_draws_no_warning(source: str, target: str) -> None:
    bits = {"float32": np.array([0x7F800001], np.uint32), "float64": np.array([0x7FF0000000000001], np.uint64)}[source]
    cast, unfit = make_cast(np.dtype(source), TARGETS[target])(bits.view(source))
    if TARGETS[target].kind == "f":
        assert bool(TARGETS[target].tensor(cast).isnan().all())
        assert unfit is None
    else:
        assert unfit is not None
        assert unfit.all()


def test_bfloat16_is_rounded_once() -> None:
    above, below = 1 + 2**-8 + 2**-40, 1 + 3 * 2**-8 - 2**-40  # next to ties, which float32 would make of them
    cast, unfit = make_cast(np.dtype(np.float64), TARGETS["bfloat16"])(np.array([above, below, -above]))
    assert TARGETS["bfloat16"].tensor(cast).tolist() == [1 + 2**-7, 1 + 2**-7, -1 - 2**-7]
    assert unfit is None


@pytest.mark.parametrize(
    ("target", "halfway"), [("float32", 2.0**128 - 2.0**103), ("bfloat16", 2.0**128 - 2.0**119), ("float16", 65520.0)]
)
def test_rounding_to_infinity_is_refused_from_halfway_on(target: str, halfway: float) -> None:
    values = np.array([np.nextafter(halfway, 0), halfway, -halfway, np.inf, -np.inf, np.nan])
    _, unfit = make_cast(values.dtype, TARGETS[target])(values)
    assert unfit is not None
    assert unfit.tolist() == [False, True, True, False, False, False]


def test_a_block_is_cast_like_a_column() -> None:
    block = np.array([[1, 2**24 + 1], [3, 4]])
    _, unfit = make_cast(block.dtype, TARGETS["float32"])(block)
    assert unfit is not None
    assert unfit.tolist() == [[False, True], [False, False]]


def test_the_oracle_rounds_as_numpy_does() -> None:
    values = np.random.default_rng(0).standard_normal(2000) * 10.0 ** np.random.default_rng(1).integers(-40, 38, 2000)
    assert [oracle.round_to_float(Fraction(value), "float32") for value in values] == values.astype(np.float32).tolist()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", ["int64", "int8", "uint8"])
@pytest.mark.parametrize("offset", [1, -1, 200, 2**63 - 1, -(2**63)])
def test_with_an_offset_the_dtype_holds_the_sum_or_it_is_refused(source: str, target: str, offset: int) -> None:
    values = edges(source)
    cast, unfit = make_cast(values.dtype, TARGETS[target], offset)(values)
    assert cast.dtype == TARGETS[target].storage
    low, high = oracle.INTEGERS[target]
    for place, value in enumerate(values.tolist()):
        whole = np.isfinite(value) and int(value) == value and -(2**63) <= value < 2**63
        refused = unfit is not None and bool(unfit[place])
        assert refused == (not whole or not low <= int(value) + offset <= high), value
        assert refused or cast[place] == int(value) + offset
