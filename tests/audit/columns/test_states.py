"""What is kept of values against numpy and pandas, and the laws of merging."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from replay.audit.columns import states
from replay.audit.columns.cells import NAN_CELL, NULL_CELL, cells_of
from replay.audit.columns.states import NameState, state_of

ROWS = 6000


def _statistics(column: pa.Array, parts: int = 1, **options) -> dict[str, float]:
    cells = cells_of(column, **options)
    whole = state_of(cells)
    for places in np.array_split(np.arange(len(column)), parts)[::-1]:
        part = state_of(cells)
        assert (part.add(column.take(pa.array(places))) == cells.codes(column.take(pa.array(places)))).all()
        whole.merge(pickle.loads(pickle.dumps(part)))
    return dict(whole.statistics())


def test_numbers_have_quantiles_and_a_default():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(ROWS) < 0.3, -1.0, rng.lognormal(size=ROWS))
    found = _statistics(pa.array(values, mask=rng.random(ROWS) < 0.1))

    assert found["mode"] == -1.0
    assert found["mode_share"] == pytest.approx(0.3, abs=0.02)
    assert found["p50"] == pytest.approx(np.quantile(values, 0.5), rel=0.05)
    assert found["zero_share"] == 0.0


def test_names_have_the_share_of_the_commonest():
    names = [f"n{number}" for number in range(200) for _ in range(number + 1)]
    counts = pd.Series(names).value_counts(normalize=True)

    for column in (pa.array(names), pa.array(names).dictionary_encode()):
        found = _statistics(column)
        assert found["distinct"] == 200
        assert found["mode_share"] == pytest.approx(counts.iloc[0])
        assert found["top_10_share"] == pytest.approx(counts.iloc[:10].sum())
        assert found["top_100_share"] == pytest.approx(counts.iloc[:100].sum())


def test_ids_are_names_and_nulls_are_none():
    column = pa.array([7, 7, None, 8])
    state = state_of(cells_of(column, categorical=True))

    assert isinstance(state, NameState)
    assert state.add(column).tolist()[2] == NULL_CELL
    assert dict(state.statistics())["distinct"] == 2
    assert (state.add(pa.nulls(2, pa.int64())) == NULL_CELL).all()


def test_bytes_that_are_no_text_are_counted():
    found = _statistics(pa.array([b"\xff\x00", b"\xff\x00", b"ok"]))

    assert (found["distinct"], found["mode_share"]) == (2, pytest.approx(2 / 3))


def test_more_names_than_are_kept_are_still_counted_about_right():
    rng = np.random.default_rng(1)
    ids = rng.choice(10**12, 200_000, replace=False)
    found = _statistics(pa.array(np.concatenate((ids, np.full(50_000, 5)))), 3, categorical=True)

    assert found["distinct"] == pytest.approx(200_001, rel=0.02)
    assert found["mode_share"] == pytest.approx(0.2, rel=0.01)


def test_so_many_that_nobody_can_tell(monkeypatch):
    monkeypatch.setattr(states, "MOST_NAMES", 16)

    assert np.isnan(_statistics(pa.array(np.arange(5000)), categorical=True)["distinct"])


def test_lists_have_lengths_and_lists_of_floats_norms():
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(ROWS, 8)).astype(np.float32)
    vectors[: ROWS // 4] = 0
    norms = np.linalg.norm(vectors, axis=1)
    lists = [None if place % 10 == 0 else list(vector) for place, vector in enumerate(vectors)]
    lists[1] = lists[2] = []
    kept = norms[[place for place, value in enumerate(lists) if value]]
    found = _statistics(pa.array(lists, pa.list_(pa.float32())), 4)

    assert found["length_p50"] == 8.0
    assert found["empty_share"] == pytest.approx(2 / (ROWS * 0.9))
    assert found["zero_share"] == pytest.approx((kept == 0).mean())
    assert found["norm_p75"] == pytest.approx(np.quantile(kept, 0.75), rel=0.01)
    assert "norm_p50" not in _statistics(pa.array([[1, 2], [3]]))


def test_long_lists_are_taken_a_few_at_a_time(monkeypatch):
    vectors = np.random.default_rng(3).normal(size=(50, 30))
    column = pa.array(list(vectors))
    whole = _statistics(column)
    monkeypatch.setattr(states, "_ELEMENTS", 64)

    assert _statistics(column) == whole


def test_nothing_has_no_statistics():
    assert _statistics(pa.array([None, None], pa.float64())) == {}
    assert _statistics(pa.array([None], pa.string())) == {}


def test_numbers_that_one_table_has_as_text_are_in_the_cells_of_the_others():
    cells = cells_of(pa.array([1.0, 2.0, 1e3]))
    texts = pa.array(["1", " 2.0", "1e3", "-7", None, "n/a", ""])

    found = state_of(cells).add(texts)

    assert found.tolist() == [
        *cells.codes(pa.array([1.0, 2.0, 1000.0, -7.0])).tolist(),
        NULL_CELL,
        NAN_CELL,
        NAN_CELL,
    ]


@pytest.mark.parametrize(
    ("reference", "other"),
    [
        (pa.array([1.0]), pa.array([[1.0], None])),
        (pa.array([[1.0]]), pa.array([1.0, None])),
        (pa.array(["a"]), pa.array([["a"], None])),
        (pa.array(["a"]), pa.array([{"a": 1}, None])),
        (pa.array([1.0]), pa.array([1, None], pa.timestamp("us"))),
    ],
)
def test_what_is_nothing_like_the_reference_is_in_one_cell(reference, other):
    assert state_of(cells_of(reference)).add(other).tolist() == [NAN_CELL, NULL_CELL]


@pytest.mark.parametrize("reference", [pa.array([1.0]), pa.array(["a"]), pa.array([[1.0]])])
def test_a_column_without_a_type_is_null(reference):
    assert (state_of(cells_of(reference)).add(pa.nulls(3)) == NULL_CELL).all()
