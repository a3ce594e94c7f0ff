"""How much tables differ as a matter of course: simulated days, a steady drift, and hands."""

from __future__ import annotations

import numpy as np
import pytest

from replay.audit.columns.cells import NumberCells
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.reference.differing import compared_slices, whole
from replay.flows.audit.reference.ordinary import of_like_size, ordinary_excess, size_ratio

CELLS = 20
RUNS = 200


def _counts(by_bucket: dict[int, np.ndarray]) -> ColumnCounts:
    """Counts by cell of each bucket, as the pass over a table leaves them."""
    counts = ColumnCounts({"x": NumberCells(np.arange(CELLS - 1.0))})
    counts.by_bucket = {bucket: cells[None] for bucket, cells in by_bucket.items()}
    counts.by_slice["x"] = sum(by_bucket.values())[None]
    counts.rows = int(counts.by_slice["x"].sum())
    return counts


def _audit(here: dict[int, np.ndarray], there: dict[int, np.ndarray]) -> UnjoinedAudit:
    return UnjoinedAudit("a", AuditConfig(against="s"), _counts(here), _counts(there), (), ("x",), {})


def _day(rng: np.random.Generator, rows: int, spread: float = 0.0, tilt: float = 0.0) -> np.ndarray:
    """A day whose shares are 1/20 each but for what is ordinary, and for a tilt from the first cell to the last."""
    logs = spread * rng.normal(size=CELLS) + tilt * np.linspace(-1, 1, CELLS)
    return np.concatenate(([0, 0], rng.multinomial(rows, np.exp(logs) / np.exp(logs).sum()), np.zeros(10, int)))


def _alarms(draw) -> float:
    """Share of the runs with a p-value below 5%."""
    found = [whole(compared_slices(draw(np.random.default_rng(seed)))["x"]).p_value < 0.05 for seed in range(RUNS)]
    return float(np.mean(found))


@pytest.mark.parametrize(("rows_here", "rows"), [(20_000, 20_000), (600_000, 20_000), (20_000, 600_000)])
def test_a_day_like_all_others_differs_from_them_no_more_than_by_chance(rows_here: int, rows: int):
    """Each day has shares of its own, 5% off; the traffic is one of thirty days, logged as often or not."""

    def draw(rng: np.random.Generator) -> UnjoinedAudit:
        there = {day: _day(rng, rows, 0.05) for day in range(30)}
        return _audit({15: _day(rng, rows_here, 0.05)}, there)

    assert _alarms(draw) <= 0.1


@pytest.mark.parametrize("days", [3, 10])
def test_what_changes_steadily_has_gone_on_to_change(days: int):
    """The traffic is the day after the reference."""

    def draw(rng: np.random.Generator) -> UnjoinedAudit:
        tilted = [_day(rng, 20_000, tilt=0.05 * day) for day in range(days + 1)]
        return _audit({days: tilted[-1]}, dict(enumerate(tilted[:-1])))

    assert _alarms(draw) <= 0.1


def test_a_fault_is_found_nevertheless():
    """A tenth of the rows move to one cell, among days that are 5% off."""

    def draw(rng: np.random.Generator) -> UnjoinedAudit:
        broken = _day(rng, 18_000, 0.05)
        broken[2] += 2_000
        return _audit({30: broken}, {day: _day(rng, 20_000, 0.05) for day in range(30)})

    assert _alarms(draw) >= 0.95


def test_the_excess_is_that_of_sizes_and_three_times_as_much_outside_of_the_references_time():
    day = np.full(CELLS + 12, 10)
    there = {day_number: day for day_number in range(4)}

    assert ordinary_excess(_audit({2: day}, there), "x") == pytest.approx(1.0)
    assert ordinary_excess(_audit({4: day}, there), "x") == pytest.approx(3.0)
    assert ordinary_excess(_audit({0: day, 9: 2 * day}, there), "x") == pytest.approx(3 * size_ratio_by_hand(3, 2, 4))
    assert ordinary_excess(_audit({2: day}, {0: day}), "x") == 1.0


def size_ratio_by_hand(days_of_rows_here: float, buckets_here: int, buckets: int) -> float:
    """Of buckets of one row each in the reference."""
    harmonic = days_of_rows_here * buckets / (days_of_rows_here + buckets)
    return harmonic * (1 / buckets_here + 1 / buckets)


@pytest.mark.parametrize("rows", [1, 100, 10_000])
def test_the_ratio_of_sizes_is_by_hand(rows: int):
    assert size_ratio(np.array([rows]), np.ones(4)) == pytest.approx(size_ratio_by_hand(rows, 1, 4))
    assert size_ratio(np.array([rows] * 3), np.full(6, rows)) == pytest.approx(1.0)


def test_buckets_of_few_rows_go_with_a_neighbour():
    """Of 46 rows in five buckets, those with fewer than 4.6: the first, the third and the last."""
    buckets = np.array([[1, 1], [10, 10], [2, 2], [9, 9], [1, 1]])

    assert of_like_size(buckets).tolist() == [[13, 13], [10, 10]]
    assert of_like_size(buckets[:1]).tolist() == [[1, 1]]
