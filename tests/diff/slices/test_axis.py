from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from replay.diff.slices.axis import NULL, OTHER, TimeAxis, ValueAxis


@pytest.mark.parametrize("order", list(permutations(["d", "a", "c", "b"]))[::5])
def test_the_first_values_in_sort_order_stay_whatever_comes_first(order):
    axis = ValueAxis(2)
    for value in order:
        axis.admit([value])
    assert sorted(axis.values) == ["a", "b"]
    assert axis.overflowed
    assert [axis.label(int(code)) for code in axis.codes(["a", "b", "c", "d", None])] == [
        "a", "b", "(other)", "(other)", "(null)",
    ]  # fmt: skip


def test_codes_are_renamed_when_values_go():
    axis = ValueAxis(2)
    assert axis.admit(["x", "m"]) is None
    before = axis.codes(["x", "m", None])
    remap = axis.admit(["b"])
    assert remap[before].tolist() == [OTHER, axis.codes(["m"])[0], NULL]


def test_real_values_that_look_like_ours_are_quoted():
    axis = ValueAxis(5)
    axis.admit(["(null)", "(other)", "plain"])
    assert [axis.label(code) for code in range(len(axis))] == ["(other)", "(null)", "'(null)'", "'(other)'", "plain"]


@pytest.mark.parametrize("order", list(permutations([0, 1, 5, -3, 4])))
def test_buckets_widen_to_fit_whatever_comes_first(order):
    axis = TimeAxis(10, 3)
    for index in order:
        remap = axis.admit(axis.index_of(np.array([index * 10])).tolist())
        assert remap is None or remap[0] == 0
    # Width 20 leaves -2, 0, 2: that fits.
    assert (axis.width_us, sorted(axis.indices), sorted(axis.starts_us())) == (20, [-2, 0, 2], [-40, 0, 40])


def test_bucket_codes_follow_a_doubling():
    axis = TimeAxis(10, 2)
    assert axis.admit([0, 1]) is None
    before = axis.codes(np.array([0, 1]))
    remap = axis.admit([2])
    assert axis.width_us == 20
    assert remap[before].tolist() == axis.codes(np.array([0, 0])).tolist()
