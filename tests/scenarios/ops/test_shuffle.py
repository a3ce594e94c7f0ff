"""shuffle: another row's value, from the whole table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from replay.scenarios import Donors, row_keys
from tests.scenarios.making import changed, model, plan, rows, touch


def donors(count: int, **columns: pa.Array) -> Donors:
    """Rows with the keys 0, 1, ... in the order of their hashes; ``x`` is the row's number, unless it is given."""
    keys = row_keys([pa.array(range(count))])
    order = np.argsort(keys)
    columns = columns or {"x": pa.array(range(count))}
    return Donors(keys[order], {name: array.take(pa.array(order)) for name, array in columns.items()})


def test_never_the_row_itself_and_every_other_one_alike():
    count = 20
    table = donors(count)
    columns, step = {"x": pa.array(range(count))}, {"op": "shuffle", "features": "x"}
    drawn = np.array([touch(columns, step, donors=table, seed=seed).columns["x"] for seed in range(500)])

    assert not (drawn == np.arange(count)).any()
    # The donor after the row itself in the order of hashes is drawn in its stead, so it comes twice as often.
    order = np.argsort(row_keys([pa.array(range(count))]))
    following = dict(zip(order, np.roll(order, -1), strict=True))
    for row in range(3):
        counts = np.bincount(drawn[:, row], minlength=count)
        expected = np.full(count, 500 / count)
        expected[row], expected[following[row]] = 0, 2 * 500 / count
        others = np.arange(count) != row
        assert stats.chisquare(counts[others], expected[others]).pvalue > 1e-6


def test_donors_are_not_of_the_batch():
    columns = {"x": pa.array(["batch"] * 50)}
    table = donors(1000, x=pa.array([f"table{i}" for i in range(1000)]))
    values = touch(columns, {"op": "shuffle", "features": "x"}, donors=table).columns["x"].to_pylist()

    assert set(values) <= {f"table{i}" for i in range(1000)}
    assert len(set(values)) > 30


def test_a_family_has_one_donor_and_features_their_own():
    numbers = pa.array(range(500))
    columns = {"a": numbers, "b": numbers}
    using = model("a", "b", families={"f": ("a", "b")})
    table = donors(500, **columns)

    together = touch(columns, {"op": "shuffle", "families": "f"}, using=using, donors=table).columns
    apart = touch(columns, {"op": "shuffle", "features": ("a", "b")}, using=using, donors=table).columns

    assert together["a"].equals(together["b"])
    same = np.mean(apart["a"].to_numpy() == apart["b"].to_numpy())
    assert same < 0.002 + 5 * np.sqrt(0.002 / 500)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[i, i] for i in range(9)], pa.list_(pa.float32(), 2)),
        pa.array(["a", None, "b"] * 3).dictionary_encode(),
    ],
    ids=str,
)
def test_lists_and_dictionaries(array):
    values = changed(array, op="shuffle", donors=donors(9, x=array))

    assert values.type == array.type
    assert {str(value) for value in values.to_pylist()} <= {str(value) for value in array.to_pylist()}


def test_tables_of_two_rows_one_row_and_none():
    two, one, none = donors(2), donors(1), donors(0, x=pa.array([], pa.int64()))

    assert changed(pa.array([0, 1]), op="shuffle", donors=two).to_pylist() == [1, 0]
    assert changed(pa.array([0, 5]), op="shuffle", donors=one).to_pylist() == [0, 0]
    assert changed(pa.array([5]), op="shuffle", donors=none).to_pylist() == [5]


def test_without_donors():
    columns = {"x": pa.array([1])}
    checked = plan(columns, {"op": "shuffle", "features": "x"})

    with pytest.raises(ValueError, match="`shuffle` of `x` needs donors"):
        checked.touch(rows(columns))
