"""Two columns held against each other: expected by hand, and by plain Python."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.compare import DIFFERS, EQUAL, NULL_BOTH, NULL_HERE, NULL_THERE, compare, near

NAN = float("nan")


@pytest.mark.parametrize(
    ("here", "there", "codes"),
    [
        (pa.array([1, 2, None, None, 5]), pa.array([1, 3, 3, None, None]), [0, 1, 2, 4, 3]),
        (pa.array([1, 2**40], pa.int64()), pa.array([1, 2], pa.int8()), [0, 1]),
        (pa.array([2**63, 7], pa.uint64()), pa.array([7, 7], pa.int64()), [1, 0]),
        (pa.array([1, 2]), pa.array([1.0, 2.5]), [0, 1]),
        (pa.array([True, False]), pa.array([1, 1]), [0, 1]),
        (pa.array([NAN, NAN, 1.0, float("inf")]), pa.array([NAN, 1.0, NAN, float("inf")]), [0, 1, 1, 0]),
        (pa.array([0.1, 1e30]), pa.array([0.1, 1.00001e30], pa.float32()), [0, 1]),
        (pa.array([Decimal("1.50")]), pa.array([1.5]), [0]),
        (pa.array(["a", "b"]), pa.array(["a", "c"], pa.large_string()), [0, 1]),
        (pa.array(["a", "b"]).dictionary_encode(), pa.array(["a", "c"]), [0, 1]),
        (pa.array(["5"]), pa.array([5]), [1]),
        (pa.array([date(2026, 1, 1)]), pa.array([datetime(2026, 1, 1, tzinfo=UTC)]), [0]),
        (pa.array([[1, 2], [], [1], None]), pa.array([[1.0, 2.0], [], [2.0], []]), [0, 0, 1, 2]),
        (pa.array([[1, None], [None]]), pa.array([[1, None], [1]]), [0, 1]),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)), pa.array([[1, 2, 3], [3, 4]]), [1, 0]),
        (pa.array([["x"], ["y"]]), pa.array([["x"], ["z"]]), [0, 1]),
        (pa.nulls(2), pa.array([1, None]), [2, 4]),
        (pa.array([1, 2, 3]).slice(1), pa.array([2, 4]), [0, 1]),
    ],
)
def test_rows_are_told_apart(here, there, codes):
    assert compare(here, there).tolist() == codes


def test_codes_are_told_by_name():
    codes = compare(pa.array([1, 1, None, 1, None]), pa.array([1, 2, 1, None, None]))

    assert codes.tolist() == [EQUAL, DIFFERS, NULL_HERE, NULL_THERE, NULL_BOTH]


def test_a_float32_of_a_double_is_no_difference_and_a_float16_is_one():
    values = np.random.default_rng(0).normal(size=1000)

    assert (compare(pa.array(values), pa.array(values.astype(np.float32))) == EQUAL).all()
    assert (compare(pa.array(values), pa.array(values.astype(np.float16))) == DIFFERS).mean() > 0.98


def test_near_is_relative_to_the_larger_number():
    one = np.array([1.0, 1.0, 0.0, -0.0, np.inf, np.inf, 1.0])
    other = np.array([1.0 + 5e-7, 1.0 + 5e-6, 1e-300, 0.0, 1e300, np.inf, np.inf])

    assert near(one, other).tolist() == [True, False, False, True, False, True, False]


def test_sides_exchanged_exchange_the_codes():
    rng = np.random.default_rng(1)
    here, there = (pa.array(rng.integers(0, 3, 500), mask=rng.random(500) < 0.2) for _ in range(2))
    mirrored = {EQUAL: EQUAL, DIFFERS: DIFFERS, NULL_HERE: NULL_THERE, NULL_THERE: NULL_HERE, NULL_BOTH: NULL_BOTH}

    assert compare(there, here).tolist() == [mirrored[code] for code in compare(here, there).tolist()]


def test_a_difference_that_rounding_to_the_traffics_float_makes_is_none():
    """numpy's cast is the oracle: what a replay is given is the rounded number."""
    doubles = np.array([0.1, 1 / 3, 1e-50, -1e-46, 1e300, 16_777_217.0, 1e-42, np.nan])
    with np.errstate(over="ignore", under="ignore"):
        floats = doubles.astype(np.float32)

    assert (compare(pa.array(floats), pa.array(doubles)) == EQUAL).all()
    lists = pa.array([floats.tolist()], pa.list_(pa.float32()))
    assert compare(lists, pa.array([doubles.tolist()])).tolist() == [EQUAL]


def test_a_difference_beyond_rounding_is_told():
    here = np.array([0.1, 1 / 3, 1.0, 0.0, 1e30], np.float32)
    there = here.astype(np.float64) * [1 + 5e-6, 1 - 5e-6, 1.00001, 1, 1e10] + [0, 0, 0, 1e-40, 0]

    assert (compare(pa.array(here), pa.array(there)) == DIFFERS).all()


def test_a_narrower_number_of_the_other_table_is_not_rounded_to():
    doubles = np.array([0.1, 1e-50])

    assert compare(pa.array(doubles), pa.array(doubles.astype(np.float32))).tolist() == [EQUAL, DIFFERS]
