"""Cells by bin against numpy's places among edges, and quantiles against numpy's."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.columns.binned import NUM_BINS, UNSURE, BinCounts, binned, bins_of, codes_by_bin, quantiles
from replay.audit.columns.cells import FIRST_CELL, NAN_CELL, NULL_CELL, NumberCells

ROWS = 5000
ODD = [0.0, -0.0, 1e-45, -1e-45, 1e-320, -1e-320, 3.4e38, 3.5e38, -3.5e38, np.inf, -np.inf, np.nan, 1.0, -1.0]


def _drawn(kind: str, rng: np.random.Generator):
    draws = {
        "normal": lambda: rng.normal(size=ROWS),
        "narrow": lambda: rng.normal(1e6, 1.0, ROWS),
        "few": lambda: rng.integers(-5, 6, ROWS).astype(float),
        "wide": lambda: rng.standard_cauchy(ROWS) * 10.0 ** rng.integers(-42, 42, ROWS),
        "odd": lambda: rng.choice(ODD, ROWS),
    }
    return draws[kind]()


@pytest.mark.parametrize("kind", ["normal", "narrow", "few", "wide", "odd"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_number_has_the_place_that_numpy_finds(kind, dtype):
    rng = np.random.default_rng(0)
    for _ in range(20):
        with np.errstate(over="ignore"):
            values = _drawn(kind, rng).astype(dtype)
        known = values[~np.isnan(values)].astype(np.float64)
        edges = np.unique(rng.choice(known, rng.integers(1, 29)))
        expected = np.searchsorted(edges, values.astype(np.float64), side="left") + FIRST_CELL
        expected[np.isnan(values)] = NAN_CELL

        assert (NumberCells(edges).codes(pa.array(values)) == expected).all()


@pytest.mark.parametrize("most", [3, 200, 300, 1000, 10**9])
def test_whole_numbers_have_it_as_well(most):
    rng = np.random.default_rng(1)
    for _ in range(20):
        values = rng.integers(-most, most, ROWS)
        edges = np.unique([*rng.choice(values, 15), 0.5, 2.004, -2.004, -100.25, 255, 256, -256, 0])
        expected = np.searchsorted(edges, values, side="left") + FIRST_CELL

        assert (NumberCells(edges).codes(pa.array(values)) == expected).all()


def test_what_small_whole_numbers_need_is_no_look_at_the_value():
    codes = codes_by_bin((-3.0, 0.0, 7.0), FIRST_CELL, NAN_CELL, whole=True)

    assert (codes[bins_of(np.arange(-255, 256))] != UNSURE).all()
    assert codes.size == NUM_BINS


def test_nulls_are_in_their_cell_and_not_counted():
    column = pa.array([1.0, None, 2.0, None])
    counts = BinCounts()
    counts.add(binned(column))

    assert NumberCells(np.array([1.0])).codes(column).tolist() == [FIRST_CELL, NULL_CELL, FIRST_CELL + 1, NULL_CELL]
    assert [each.tolist() for each in counts.filled()] == [[1.0, 2.0], [1, 1]]
    assert binned(pa.array([], pa.float64())).size == 0


def test_quantiles_are_numpys_and_parts_in_any_order_give_the_same_bits():
    values = np.random.default_rng(2).standard_normal(20_000) * 100
    parts = [BinCounts() for _ in range(4)]
    for part, some in zip(parts, np.array_split(values, 4), strict=True):
        part.add(bins_of(some))
    merged = []
    for order in (parts, parts[::-1]):
        whole = BinCounts()
        for part in order:
            whole.merge(pickle.loads(pickle.dumps(part)))
        merged.append(pickle.dumps(whole))

    assert merged[0] == merged[1]
    shares = (0.01, 0.25, 0.5, 0.75, 0.99)
    expected = np.quantile(values, shares, method="inverted_cdf")
    assert quantiles(*pickle.loads(merged[0]).filled(), shares) == pytest.approx(expected, rel=2**-7)


def test_whole_numbers_are_told_as_they_are_and_others_by_the_middle():
    values = np.array([-255.0, -3.0, 0.0, 0.0, 7.0, 128.0, 1.001, 1000.0, -1e-3])
    counts = BinCounts()
    counts.add(bins_of(values))
    found, rows = counts.filled()

    assert found.tolist() == pytest.approx(np.unique(values), rel=2**-7)
    assert rows.tolist() == [1, 1, 1, 2, 1, 1, 1, 1]
    assert set(found) >= {-255.0, -3.0, 0.0, 7.0, 128.0}
    assert quantiles(np.zeros(0), np.zeros(0, dtype=np.int64), (0.5,)) == []


def test_zeros_are_one_and_infinities_are_the_largest():
    counts = BinCounts()
    counts.add(bins_of(np.array([0.0, -0.0, np.inf, -np.inf, np.nan])))
    found, rows = counts.filled()

    assert rows.tolist() == [1, 2, 1]
    assert found[1] == 0.0
    assert np.isfinite(found).all()
    assert -found[0] == found[2] == pytest.approx(np.finfo(np.float32).max, rel=2**-7)
