from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from replay.scenarios.least_change.numbers import to_floats
from tests.scenarios.least_change.making import matched, randoms, summarized

ROWS = 20_000
TYPES = [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.int64(), pa.uint16(), pa.decimal128(9, 2), pa.bool_()]


def drawn(seed: int, nulls: float, rate: float, rows: int = ROWS) -> pa.Array:
    draws = np.random.default_rng(seed)
    return pa.array(draws.poisson(rate, rows).astype(float), mask=draws.random(rows) < nulls)


def numbers(values: pa.Array) -> NDArray[np.float64]:
    return values.drop_null().to_numpy()


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.4), (0.4, 0.1), (0.0, 0.3), (0.3, 0.0), (0.2, 0.2)])
def test_only_as_many_rows_become_null_or_get_a_value_as_the_shares_differ(before, after):
    here, there = drawn(1, before, 2), drawn(2, after, 2)

    got = matched(here, there, "numbers")

    lost = pc.sum(pc.and_(here.is_valid(), got.is_null())).as_py() / ROWS
    won = pc.sum(pc.and_(here.is_null(), got.is_valid())).as_py() / ROWS
    differ = (there.null_count - here.null_count) / ROWS
    error = 4 * np.sqrt(abs(differ) / ROWS)
    assert lost == pytest.approx(max(differ, 0), abs=error)
    assert won == pytest.approx(max(-differ, 0), abs=error)


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.4), (0.4, 0.1)])
def test_the_references_distribution_is_reached(before, after):
    here, there = drawn(1, before, 2), drawn(2, after, 3)

    got = matched(here, there, "numbers")

    assert got.null_count / ROWS == pytest.approx(there.null_count / ROWS, abs=4 / np.sqrt(ROWS))
    bound = 4 * numbers(there).std() / np.sqrt(ROWS / 2)  # of as many draws
    assert wasserstein_distance(numbers(got), numbers(there)) < bound
    assert wasserstein_distance(numbers(here), numbers(there)) > 5 * bound


def test_nan_is_neither_a_null_nor_a_number():
    here = pa.array([np.nan] * 300 + [1.0] * 700)
    there = pa.array([np.nan] * 100 + [1.0] * 600 + [None] * 300)

    got = matched(here, there, "numbers")

    before, after = np.isnan(here.to_numpy()), pc.fill_null(pc.is_nan(got), False).to_numpy(zero_copy_only=False)
    assert not np.any(after & ~before)  # no number becomes NaN
    assert after.sum() == pytest.approx(100, abs=40)
    assert got.null_count == pytest.approx(300, abs=70)
    assert set(numbers(got)[~np.isnan(numbers(got))]) == {1.0}


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_every_type_of_number(kind):
    here = pa.array([0, 1, 1, None] * 500, pa.int8()).cast(kind)
    there = pa.array([0, 0, 1, 1] * 250, pa.int8()).cast(kind)

    got = matched(here, there, "numbers")

    assert got.type == kind
    assert got.null_count == 0
    assert set(to_floats(got)) == {0.0, 1.0}
    assert to_floats(got).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2000))


def test_what_stays_keeps_all_its_digits():
    """Integers that float64 has no room for, and a decimal of more digits than 64 bits."""
    whole = pa.array([2**62 + 1, 2**62 + 3, None])
    exact = pa.array([Decimal("12345678901234567890.1234567891"), None], pa.decimal128(38, 10))

    for values in (whole, exact):
        assert matched(values, values, "numbers").equals(values)


def test_zero_has_one_place_and_keeps_its_sign():
    got = matched(pa.array([-0.0, 0.0]), pa.array([0.0]), "numbers")

    assert np.signbit(got.to_numpy()).tolist() == [True, False]


@pytest.mark.parametrize("most", [50, 2**16])
def test_parts_in_any_order_are_the_whole(most):
    values, there = drawn(5, 0.2, 40), drawn(6, 0.1, 30)
    whole = summarized(values, "numbers", most=most)
    parts = [summarized(values.slice(start, 999), "numbers", most=most) for start in range(0, ROWS, 999)]
    for part in reversed(parts[:-1]):
        parts[-1].merge(part)
    reference = summarized(there, "numbers", most=most)

    one, other = (summary.change_to(reference).apply(values, randoms(ROWS)) for summary in (whole, parts[-1]))

    assert one.equals(other)


def test_a_row_is_changed_by_its_own_bits_alone():
    here, there = drawn(1, 0.1, 2, 500), drawn(2, 0.4, 4, 500)
    change = pickle.loads(pickle.dumps(summarized(here, "numbers").change_to(summarized(there, "numbers"))))
    bits = randoms(500)

    whole = change.apply(here, bits)

    assert pa.concat_arrays([change.apply(here.slice(i, 1), bits[i : i + 1]) for i in range(500)]).equals(whole)


@pytest.mark.parametrize(("before", "after", "rate"), [(0.1, 0.4, 2.0), (0.4, 0.1, 2.0), (0.1, 0.2, 3.0)])
def test_the_share_that_moves_is_told(before, after, rate):
    here, there = drawn(1, before, 2), drawn(2, after, rate)
    change = summarized(here, "numbers").change_to(summarized(there, "numbers"))

    got = change.apply(here, randoms(ROWS))

    same = pc.fill_null(pc.equal(got, here), False).to_numpy(zero_copy_only=False)
    same |= pc.and_(got.is_null(), here.is_null()).to_numpy(zero_copy_only=False)
    assert np.mean(~same) == pytest.approx(change.moved, abs=4 * 0.5 / np.sqrt(ROWS))


def test_a_column_that_is_all_null_on_one_side():
    nothing, something = pa.nulls(50, pa.float64()), pa.array([1.0, 2.0] * 25)

    assert matched(something, nothing, "numbers").null_count == 50
    assert set(matched(nothing, something, "numbers").to_pylist()) == {1.0, 2.0}


def test_lost_coverage_costs_what_it_did_and_a_redrawn_column_says_more():
    """A count that 90% of rows have falls to 60% of them: only the two distributions are known.

    The truth is the same model over the rows as they were served; the model is logistic, with 0 for a missing count.
    """
    draws = np.random.default_rng(11)
    rows = 200_000
    count = draws.poisson(3, rows).astype(float)
    chance = 1 / (1 + np.exp(2.5 - 0.8 * count - draws.normal(0, 0.5, rows)))
    label = (draws.random(rows) < chance).astype(float)
    here = pa.array(count, mask=draws.random(rows) >= 0.9)
    there = pc.if_else(pa.array(draws.random(rows) < 0.6 / 0.9), here, None)

    def entropy(values: pa.Array) -> float:
        logit = 0.8 * pc.fill_null(values, 0.0).to_numpy() - 2.4
        score = 1 / (1 + np.exp(-logit))
        loss = -(label * np.log(score) + (1 - label) * np.log1p(-score)).mean()
        base = label.mean()
        return float(loss / -(base * np.log(base) + (1 - base) * np.log1p(-base)))

    got = matched(here, there, "numbers")
    before = entropy(here)
    true, said, redrawn = (
        entropy(values) - before for values in (there, got, there.take(pa.array(draws.permutation(rows))))
    )

    assert np.mean(got.is_null().to_numpy(zero_copy_only=False)) == pytest.approx(0.4, abs=0.01)
    assert said == pytest.approx(true, rel=0.05)
    assert redrawn > 1.5 * true
