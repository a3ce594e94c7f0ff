from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.load import MeasuredLoad, arrivals, measure_load
from replay.diagnosis.incidents.rows import RowTable

MINUTE = 60_000_000
START = 29_400_000 * MINUTE  # the first of a minute


def evenly(minute: int, count: int) -> np.ndarray:
    return START + minute * MINUTE + np.arange(count) * (MINUTE // max(count, 1))


def traffic(counts: list[int]) -> np.ndarray:
    """So many in each minute, and one in the last microsecond: every minute is a whole one."""
    last = START + len(counts) * MINUTE - 1
    return np.concatenate([evenly(minute, count) for minute, count in enumerate(counts)] + [[last]])


COUNTS = [60, 120, 60, 600, 480, 60, 60, 900, 60, 60, 60, 60, 60, 59]


def test_minutes_of_the_incident_against_all_others_by_hand():
    """From within the fourth minute to within the fifth: 1,080 in 120 s; 1 of the 12 others is busier."""
    load = measure_load(traffic(COUNTS), [(START + 3 * MINUTE + 5, START + 4 * MINUTE + 9)])

    others = [60, 120, 60, 60, 60, 900, 60, 60, 60, 60, 60, 60]
    assert load == MeasuredLoad(1080 / 120, pytest.approx(sum(others) / 60 / 12), 2, 12)


def test_an_end_is_not_part_of_it():
    load = measure_load(traffic(COUNTS), [(START + 3 * MINUTE, START + 4 * MINUTE)])

    assert load is not None
    assert (load.inside, load.minutes) == (10.0, 13)


def test_an_incident_of_several_times():
    load = measure_load(traffic(COUNTS), [(START, START + 1), (START + 7 * MINUTE, START + 7 * MINUTE + 1)])

    assert load is not None
    assert (load.inside, load.rank) == (8.0, 2)


def test_minutes_that_are_cut_by_the_ends_of_the_traffic_are_not_compared():
    times = traffic(COUNTS)
    cut = times[(times >= START + MINUTE // 2) & (times < START + 13.5 * MINUTE)]

    load = measure_load(cut, [(START + 3 * MINUTE, START + 4 * MINUTE)])

    assert load is not None
    assert load.minutes == 11


def test_minutes_without_traffic_are_not_compared():
    load = measure_load(traffic([60, 60, 0, 0, 0, *[60] * 12]), [(START, START + 1)])

    assert load is not None
    assert (load.outside, load.minutes) == (pytest.approx((13 * 60 + 1) / 60 / 13), 13)


@pytest.mark.parametrize(
    ("times", "spans"),
    [
        (traffic(COUNTS), [(START, START + 10 * MINUTE)]),  # 4 other minutes
        (traffic(COUNTS), [(START - 2 * MINUTE, START - MINUTE)]),  # nothing inside
        (np.zeros(0, np.int64), [(START, START + MINUTE)]),
    ],
)
def test_too_little_to_compare(times, spans):
    assert measure_load(times, spans) is None


def test_a_request_comes_with_its_first_row():
    times = np.array([1, 2, 3, 4, 5])
    scores = np.zeros(5)

    assert arrivals(RowTable(times, scores, scores)).tolist() == [1, 2, 3, 4, 5]
    assert arrivals(RowTable(times, scores, scores, group=np.array([7, 9, 7, 9, 3]))).tolist() == [1, 2, 5]
