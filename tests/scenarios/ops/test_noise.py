"""noise: its distribution, and what is added to every kind of number."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from scipy import stats

from replay.features.codecs.base import NUMPY_TYPES
from replay.scenarios.hashing import normal, row_keys, salted
from tests.scenarios.making import INTEGERS, changed, described

NUMBERS = [*NUMPY_TYPES, pa.decimal128(9, 2), pa.decimal128(38, 3), pa.decimal256(50, 1), pa.decimal32(5, 1)]


def test_noise_is_normal():
    before = np.zeros(20_000)
    noise = changed(pa.array(before), op="noise", std=2.0).to_numpy()

    assert stats.kstest(noise / 2, "norm").pvalue > 1e-6
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 5 / np.sqrt(len(noise))


def test_relative_noise_grows_with_the_value():
    before = np.tile([1.0, -10.0, 0.0], 10_000)
    noise = changed(pa.array(before), op="noise", relative_std=0.1).to_numpy() - before

    assert stats.kstest(noise[0::3] / 0.1, "norm").pvalue > 1e-6
    assert stats.kstest(noise[1::3] / 1.0, "norm").pvalue > 1e-6
    assert (noise[2::3] == 0).all()


def test_relative_noise_of_what_is_not_finite():
    array = pa.array([np.inf, -np.inf, np.nan])

    np.testing.assert_array_equal(changed(array, op="noise", relative_std=0.5).to_numpy(), [np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("kind", INTEGERS)
def test_noise_on_integers_is_the_rounded_noise_on_zeros(kind):
    info = np.iinfo(NUMPY_TYPES[kind])
    noise = changed(pa.array(np.zeros(200)), op="noise", std=50.0).to_numpy()
    for base in (info.min, 60, info.max):
        numbers = changed(pa.array([base] * 200, kind), op="noise", std=50.0).to_pylist()
        assert numbers == [min(max(base + round(amount), info.min), info.max) for amount in noise]


def test_noise_beyond_any_integer():
    numbers = set(changed(pa.array([0] * 50), op="noise", std=1e300).to_pylist())
    small = set(changed(pa.array([0] * 50, pa.uint8()), op="noise", std=1e300).to_pylist())

    assert numbers == {-(2**63), 2**63 - 1}
    assert small == {0, 255}


def test_relative_noise_on_integers():
    numbers = changed(pa.array([0, 1000, None]), op="noise", relative_std=0.1).to_pylist()
    share = changed(pa.array([0.0, 1000.0, None]), op="noise", relative_std=0.1).to_pylist()

    assert numbers == [0, round(share[1]), None]


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_no_noise_changes_nothing(kind):
    array = pa.array([1, 0, None], pa.int8()).cast(kind)

    for step in ({"std": 0}, {"relative_std": 0}):
        assert changed(array, op="noise", **step).to_pylist() == array.to_pylist()


def test_elements_draw_their_own_noise():
    array = pa.array([[0.0] * 8, [0.0] * 8, None], pa.list_(pa.float32(), 8))
    noisy = changed(array, op="noise", std=1.0)

    assert len({value for row in noisy.to_pylist()[:2] for value in row}) == 16
    assert noisy.to_pylist()[2] is None


def drawn(count: int) -> np.ndarray:
    """The normal numbers of ``x`` in the first step of the scenario ``s`` with seed 0, (count,)."""
    return normal(row_keys([pa.array(range(count))]), salted(0, "s", 0, "x", "value", ""))


def test_amounts_are_the_rows_own_normal_numbers():
    array = pa.array([1.0, -2.0, None, 1e9])
    amounts = drawn(4)

    assert changed(array, op="noise", std=3.0).to_pylist() == [
        1.0 + 3.0 * amounts[0], -2.0 + 3.0 * amounts[1], None, 1e9 + 3.0 * amounts[3]
    ]  # fmt: skip
    assert changed(array, op="noise", relative_std=0.5).to_pylist() == [
        1.0 + 0.5 * amounts[0], -2.0 + 0.5 * amounts[1] * 2.0, None, 1e9 + 0.5 * amounts[3] * 1e9
    ]  # fmt: skip


def test_noise_on_decimals_is_rounded_to_their_last_digit_and_clamped():
    kind = pa.decimal128(4, 1)
    array = pa.array([Decimal(0)] * 100 + [None], kind)
    expected = [Decimal(int(np.rint(300 * amount * 10))) / 10 for amount in drawn(100)]
    most = Decimal("999.9")

    noisy = changed(array, op="noise", std=300.0)
    assert noisy.type == kind
    assert noisy.to_pylist() == [*(min(max(value, -most), most) for value in expected), None]


def test_noise_on_bools_flips_those_that_it_brings_over_a_half():
    array = pa.array([True, False] * 50 + [None])
    amounts = drawn(100)

    flipped = changed(array, op="noise", std=1.0).to_pylist()
    assert flipped == [*(float(i % 2 == 0) + amounts[i] > 0.5 for i in range(100)), None]


def test_sizes_are_finite_and_not_negative():
    for std, message in ((-1, "greater than or equal to 0"), (float("inf"), "finite number"), (True, "found true")):
        for key in ("std", "relative_std"):
            with pytest.raises(ValidationError, match=message):
                changed(pa.array([1.0]), op="noise", **{key: std})


def test_a_column_of_nulls():
    for step in ({"std": 1}, {"relative_std": 1}):
        assert changed(pa.nulls(3), op="noise", **step).to_pylist() == [None] * 3


def test_what_the_schema_says():
    assert described("std", "relative_std") == [
        "noise: standard deviation of what is added.",
        "noise: standard deviation of what is added, as a share of each value's size.",
    ]
