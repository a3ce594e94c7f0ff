import numpy as np
import pytest

from replay.diagnosis.incidents.cells import TimeCells, slicings
from replay.diagnosis.incidents.rows import RowTable


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    time_us = np.sort(rng.integers(0, 600_000_000, 6000))
    segments = {
        "surface": (rng.integers(-1, 2, 6000).astype(np.int32), ("home", "search")),
        "country": (rng.integers(0, 3, 6000).astype(np.int32), ("DE", "US", "FR")),
    }
    return RowTable(time_us, np.zeros(6000), np.zeros(6000), segments)


def test_cells_cover_every_row_once(rows):
    cells = TimeCells.of_times(rows.time_us, 60_000_000)

    assert (cells.edges[0], cells.edges[-1]) == (0, 6000)
    assert (np.bincount(cells.of_row) == np.diff(cells.edges)).all()


def test_cells_begin_at_buckets(rows):
    cells = TimeCells.of_times(rows.time_us, 60_000_000)
    starts = {int(np.searchsorted(rows.time_us, minute * 60_000_000)) for minute in range(10)}

    assert starts <= set(cells.edges.tolist())


def test_a_long_time_has_a_bounded_number_of_cells():
    cells = TimeCells.of_times(np.array([0, 10**15], dtype=np.int64), 60_000_000)

    assert len(cells) <= 2


def test_slices(rows):
    found = {slicing.names: set(slicing.values) for slicing in slicings(rows)}

    assert found[()] == {()}
    assert found["surface",] == {("home",), ("search",)}
    assert found["surface", "country"] == {(s, c) for s in ("home", "search") for c in ("DE", "US", "FR")}


def test_sums_equal_counting(rows):
    cells = TimeCells.of_times(rows.time_us, 60_000_000)
    weights = np.random.default_rng(1).random(6000)
    used = np.arange(0, 6000, 3)
    for slicing in slicings(rows):
        sums = slicing.sums(cells, used, weights[used])
        place = len(slicing.values) - 1
        inside = rows.in_slice(slicing.segments(place))[used]
        expected = [weights[used][inside & (cells.of_row[used] == cell)].sum() for cell in range(5)]
        assert sums[:5, place] == pytest.approx(expected)


def test_rare_values_are_left_out():
    codes = np.zeros(1000, dtype=np.int32)
    codes[:10] = 1
    rows = RowTable(np.arange(1000), np.zeros(1000), np.zeros(1000), {"s": (codes, ("often", "rare"))})
    single = [slicing for slicing in slicings(rows) if slicing.names]

    assert [slicing.values for slicing in single] == [(("often",),)]
    assert (single[0].of_row == np.where(codes == 1, 1, 0)).all()
