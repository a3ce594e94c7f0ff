from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.scenarios.least_change.making import matched, randoms, summarized

ROWS = 30_000


def drawn(seed: int, shares: dict[str | None, float], rows: int = ROWS) -> pa.Array:
    names = list(shares)
    return pa.array([names[i] for i in np.random.default_rng(seed).choice(len(names), rows, p=list(shares.values()))])


HERE = drawn(1, {"a": 0.5, "b": 0.3, "c": 0.1, None: 0.1})
THERE = drawn(2, {"a": 0.2, "b": 0.3, "d": 0.2, None: 0.3})


def counts(values: pa.Array) -> dict[str | None, int]:
    return {entry["values"]: entry["counts"] for entry in values.value_counts().to_pylist()}


def distance(here: pa.Array, there: pa.Array) -> float:
    """The total variation, null being a value."""
    mine, its = counts(here), counts(there)
    names = mine.keys() | its.keys()
    return sum(abs(mine.get(name, 0) / len(here) - its.get(name, 0) / len(there)) for name in names) / 2


def test_the_total_variation_moves_and_the_reference_is_reached():
    change = summarized(HERE, "values").change_to(summarized(THERE, "values"))

    got = change.apply(HERE, randoms(ROWS))

    moved = np.mean([one != other for one, other in zip(HERE.to_pylist(), got.to_pylist(), strict=True)])
    error = 4 * np.sqrt(0.25 / ROWS)
    assert change.moved == pytest.approx(distance(HERE, THERE), abs=1e-12)
    assert moved == pytest.approx(change.moved, abs=error)
    assert distance(got, THERE) < 2 * error


def test_what_is_as_frequent_there_stays_and_what_grows_loses_nobody():
    got = matched(HERE, THERE, "values")

    pairs = pa.table({"before": HERE, "after": got}).group_by(["before", "after"]).aggregate([([], "count_all")])
    moves = {(row["before"], row["after"]) for row in pairs.to_pylist()}
    lost = {before for before, after in moves if before != after}
    assert None not in lost  # there are more nulls there
    assert "a" in lost
    assert {after for before, after in moves if before != after} <= {"d", None, "b"}


def test_those_that_lose_a_value_are_those_of_the_values_that_the_reference_lacks():
    """Nulls of the reference are where `a` was: nobody else loses anything."""
    here, there = drawn(1, {"a": 0.5, "b": 0.5}), drawn(2, {None: 0.25, "a": 0.25, "b": 0.5})

    got = matched(here, there, "values")

    gone = pc.filter(here, got.is_null()).to_pylist()
    assert gone.count("b") / ROWS < 0.02
    assert gone.count("a") / ROWS == pytest.approx(0.25, abs=0.02)


def test_the_same_distribution_moves_nobody():
    assert matched(HERE, pa.concat_arrays([HERE, HERE, HERE]), "values").equals(HERE)


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.int8(), pa.large_string(), pa.large_binary(), pa.timestamp("us"), pa.bool_()], ids=str
)
def test_every_type_of_value(kind):
    raw = pa.array([0, 1, 1, None] * 500), pa.array([0, 0, 1, 1] * 250)
    here, there = (
        values.cast(pa.string()).cast(kind) if kind in (pa.large_string(), pa.large_binary()) else values.cast(kind)
        for values in raw
    )

    got = matched(here, there, "values")

    assert got.type == kind
    assert got.null_count == 0
    assert distance(got, there) < 0.05


def test_more_values_than_cells_are_matched_by_cells_of_hashes():
    draws = np.random.default_rng(0)
    here, there = (pa.array(draws.integers(low, low + 3000, ROWS)) for low in (0, 2000))

    got = matched(here, there, "values", most=256)

    assert set(got.to_pylist()) <= set(here.to_pylist()) | set(there.to_pylist())
    again = summarized(got, "values", most=256).change_to(summarized(there, "values", most=256))
    before = summarized(here, "values", most=256).change_to(summarized(there, "values", most=256))
    assert before.moved > 0.1
    assert again.moved < 0.4 * before.moved  # what is left is the chance of 30,000 rows in 256 cells


@pytest.mark.parametrize("most", [100, 2**16])
def test_parts_in_any_order_are_the_whole(most):
    draws = np.random.default_rng(0)
    values, there = (pa.array(draws.zipf(1.3, ROWS) + low) for low in (0, 3))
    whole = summarized(values, "values", most=most)
    parts = [summarized(values.slice(start, 999), "values", most=most) for start in range(0, ROWS, 999)]
    for part in reversed(parts[:-1]):
        parts[-1].merge(part)

    for back in (summarized(there, "values", most=most),):
        one, other = (summary.change_to(back).apply(values, randoms(ROWS)) for summary in (whole, parts[-1]))
        assert one.equals(other)
        one, other = (back.change_to(summary).apply(there, randoms(ROWS)) for summary in (whole, parts[-1]))
        assert one.equals(other)


def test_a_row_is_changed_by_its_own_bits_alone():
    change = pickle.loads(pickle.dumps(summarized(HERE, "values").change_to(summarized(THERE, "values"))))
    bits = randoms(300)

    whole = change.apply(HERE[:300], bits)

    assert pa.concat_arrays([change.apply(HERE.slice(i, 1), bits[i : i + 1]) for i in range(300)]).equals(whole)


def test_a_value_that_neither_table_has_stays():
    change = summarized(HERE, "values").change_to(summarized(THERE, "values"))

    assert change.apply(pa.array(["new"] * 9), randoms(9)).to_pylist() == ["new"] * 9


def test_columns_of_nulls():
    nothing, something = pa.nulls(50, pa.string()), pa.array(["a", "b"] * 25)

    assert matched(something, nothing, "values").null_count == 50
    assert set(matched(nothing, something, "values").to_pylist()) == {"a", "b"}
    assert matched(pa.nulls(5), pa.nulls(9), "values").equals(pa.nulls(5))
