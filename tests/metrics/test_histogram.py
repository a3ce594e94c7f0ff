from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.metrics.histogram import Histogram, bits_to_float, ordered_bits
from replay.metrics.keyed import KeyedSums
from tests.metrics.state_tester import check_state

floats = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(floats, min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_bits_sort_as_floats_do_and_come_back(values):
    array = np.array(values)
    bits = ordered_bits(array)
    for one, other, first, second in zip(array[:-1], array[1:], bits[:-1], bits[1:], strict=True):
        assert ((one < other), (one == other)) == ((first < second), (first == second))
    assert np.array_equal(bits_to_float(bits), array)


def test_scores_of_few_digits_end_in_zeros_whatever_their_sign():
    bits = ordered_bits(np.array([-0.1, 0.1, -1e-30, 7.5], dtype=np.float32))
    assert not (bits & np.uint64(2**29 - 1)).any()


def contents(histogram):
    return {
        "keys": histogram.keys.tolist(),
        "sums": histogram.sums.tolist(),
        "shift": histogram.shift,
        "exact": histogram.exact,
    }


class AddsByUpdate(Histogram):
    """The tester calls `update`."""

    def update(self, values, *columns):
        self.add_bits(ordered_bits(values), *columns)


@pytest.mark.parametrize("max_bins", [2**20, 100, 7])
@pytest.mark.parametrize("digits", [np.float32, np.float64], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("weighted", [False, True])
def test_any_merge_order_gives_the_same_bins(max_bins, weighted, digits):
    rng = np.random.default_rng(3)
    batches = []
    for size in (50, 500, 5, 200):
        weights = rng.random(size) if weighted else None
        values, classes = rng.normal(size=size).astype(digits), rng.integers(0, 2, size)
        batches.append((values, classes, weights, rng.integers(0, 3, size)))
    found = check_state(lambda: AddsByUpdate(2, weighted=weighted, max_bins=max_bins, grouped=True), batches, contents)
    assert len(found["keys"]) <= max_bins
    counted = np.array(found["sums"])[:, :2]
    assert counted.sum(axis=0).tolist() == np.bincount(np.concatenate([batch[1] for batch in batches])).tolist()


def test_drops_as_few_bits_as_fit():
    # 1.0, 1.0 + ulp, 1.0 + 2 ulp, 2.0: one bit joins the first two (an even bit pattern and its successor).
    ulp = 2.0**-52
    histogram = Histogram(1, max_bins=3)
    histogram.add(np.array([1.0, 1.0 + ulp, 1.0 + 2 * ulp, 2.0]), np.zeros(4))
    assert (histogram.shift, histogram.exact) == (1, False)
    assert histogram.sums[:, 0].tolist() == [2, 1, 1]
    low, high = histogram.bin_edges()
    assert (low[0], high[0]) == (1.0, 1.0 + ulp)
    assert histogram.bin_values()[0] == 1.0 + ulp / 2


def test_taking_rows_out_undoes_adding_them():
    values, classes = np.array([0.1, 0.2, 0.2]), np.array([0, 1, 0])
    histogram = Histogram(2)
    histogram.add(values, classes)
    histogram.add_bits(ordered_bits(values[1:]), classes[1:], sign=-1.0)
    assert histogram.sums.tolist() == [[1, 0], [0, 0]]


def test_groups_are_kept_apart_and_can_be_renamed():
    histogram = Histogram(1, grouped=True)
    histogram.add_bits(ordered_bits(np.array([0.5, 0.5, 0.25])), np.zeros(3), groups=np.array([0, 2, 1]))
    assert (histogram.keys >> np.uint64(48)).tolist() == [0, 1, 2]
    histogram.regroup(np.array([1, 1, 0]))
    assert histogram.group(1).bin_values().tolist() == [0.25, 0.5]
    assert histogram.group(0).bin_values().tolist() == [0.5]
    assert histogram.group(7).keys.size == 0


def test_of_groups_the_last_digits_of_float64_are_dropped_and_that_is_known():
    for values, exact in (([0.5, 0.1], False), (np.array([0.5, 0.1], dtype=np.float32), True)):
        histogram = Histogram(1, grouped=True)
        histogram.add_bits(ordered_bits(np.array(values)), np.zeros(2), groups=np.array([1, 1]))
        low, high = histogram.group(1).bin_edges()
        assert (histogram.exact, histogram.group(1).exact, bool((low == high).all())) == (exact, exact, exact)
        assert (low <= np.sort(values)).all()
        assert (high >= np.sort(values)).all()
        assert high - low == pytest.approx(0.0, abs=1.5e-11 * 0.5)


@given(st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=60), st.integers(4, 20))
@settings(max_examples=60, deadline=None)
def test_counts_do_not_depend_on_how_rows_come(values, max_bins):
    array = np.array(values)
    classes = np.arange(array.size) % 3
    whole, parts = Histogram(3, max_bins=max_bins), Histogram(3, max_bins=max_bins)
    whole.add(array, classes)
    for place in range(array.size):
        parts.add(array[place : place + 1], classes[place : place + 1])
        parts.keys  # noqa: B018, settles
    assert contents(whole) == contents(parts)
    assert whole.keys.size <= max_bins
    low, high = whole.bin_edges()
    for label in range(3):
        for value in array[classes == label]:
            assert whole.counts(label)[(low <= value) & (value <= high)].sum() >= 1
    if whole.exact:
        assert whole.bin_values().tolist() == sorted({value + 0.0 for value in values})


def test_keyed_sums_add_what_shares_a_key():
    left, right = KeyedSums(2), KeyedSums(2)
    left.add(np.array([5, 1, 5], dtype=np.uint64), np.array([[1, 0], [2, 0], [0, 3.0]]))
    right.add(np.array([1, 9], dtype=np.uint64), np.array([[1, 1], [4, 4.0]]))
    left.merge(right)
    assert (left.keys.tolist(), left.sums.tolist()) == ([1, 5, 9], [[3, 1], [1, 3], [4, 4]])
    left.rekey(np.array([2, 2, 1], dtype=np.uint64))
    assert (left.keys.tolist(), left.sums.tolist()) == ([1, 2], [[4, 4], [4, 4]])


@pytest.mark.parametrize("grouped", [False, True])
def test_many_rows_added_and_taken_out_are_counted_as_by_a_dictionary(grouped: bool) -> None:
    random = np.random.default_rng(0)
    histogram, expected = Histogram(3, grouped=grouped), Counter()
    # The 300 rows have scores that use all digits of a float64.
    for size, sign in ((150_000, 1.0), (300, 1.0), (90_000, 1.0), (60_000, -1.0), (40_000, 1.0)):
        values = random.random(size) if size == 300 else random.integers(-500, 500, size) / 512
        label, group = random.integers(0, 3, size), random.integers(0, 4 if grouped else 1, size)
        histogram.add_bits(ordered_bits(values), label, groups=group if grouped else None, sign=sign)
        drop = 16 if grouped else 0
        bins = (ordered_bits(values) >> np.uint64(drop)).tolist()
        keys = [(place << 48 if grouped else 0) | bits for place, bits in zip(group.tolist(), bins, strict=True)]
        for row, count in Counter(zip(keys, label.tolist(), strict=True)).items():
            expected[row] += int(sign) * count
    keys, sums = histogram.keys, histogram.sums
    found = {
        (key, label): int(count)
        for key, row in zip(keys.tolist(), sums.tolist(), strict=True)
        for label, count in enumerate(row)
        if count
    }
    assert found == {row: count for row, count in expected.items() if count}
    assert (keys[1:] > keys[:-1]).all()


def test_rows_that_are_counted_already_are_added_as_rows_are():
    values = np.random.default_rng(0).integers(0, 500, 5000).astype(np.float64)
    one, other = Histogram(1, max_bins=100), Histogram(1, max_bins=100)
    one.add(values, np.zeros(values.size, dtype=np.int64))

    for part in np.array_split(values, 100):
        distinct, counts = np.unique(part, return_counts=True)
        other.add_counts(ordered_bits(distinct), counts[:, None].astype(np.float64))

    assert (one.keys == other.keys).all()
    assert (one.sums == other.sums).all()
