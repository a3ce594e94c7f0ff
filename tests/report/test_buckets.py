from __future__ import annotations

from datetime import timedelta

import pytest

from replay.report.buckets import Bucket, bucket_series, make_grid, to_steps
from tests.report.sample import MINUTE, START, bucket_rows, metric


def test_counts_come_from_the_rate_where_they_are_not_given():
    (bucket,) = bucket_series([metric("prod", "mismatch_rate", 0.3, 10, bucket=START)])["prod"]
    assert (bucket.compared, bucket.mismatched) == (10, 3)


def test_counts_that_are_given_are_used():
    rows = [
        metric("prod", "compared", 7.0, 9, bucket=START),
        metric("prod", "mismatched", 2.0, 9, bucket=START),
        metric("prod", "mismatch_rate", 2 / 7, 9, bucket=START),
    ]
    (bucket,) = bucket_series(rows)["prod"]
    assert (bucket.compared, bucket.mismatched) == (7, 2)


def test_only_the_whole_against_online_is_a_series():
    rows = [
        metric("prod", "mismatch_rate", 0.3, 10, bucket=START, where="surface=home"),
        metric("prod", "mismatch_rate", 0.3, 10, bucket=START, against="baseline"),
        metric("prod", "mismatch_rate", 0.3, 10),
    ]
    assert bucket_series(rows) == {}


def test_the_online_mean_may_be_a_metric_of_online():
    rows = [
        metric("online", "mean_score", 0.2, 10, against=None, bucket=START),
        metric("prod", "mean_score", 0.25, 10, against=None, bucket=START),
        metric("prod", "mismatch_rate", 1.0, 10, bucket=START),
    ]
    series = bucket_series(rows)
    assert list(series) == ["prod"]
    assert (series["prod"][0].mean_online, series["prod"][0].mean_replayed) == (0.2, 0.25)


def test_buckets_come_in_order_of_time():
    rows = bucket_rows("prod", [5, 6, 7], [0, 0, 0])
    assert [bucket.compared for bucket in bucket_series(reversed(rows))["prod"]] == [5, 6, 7]


def make(compared, mismatched, **more):
    return [
        Bucket(START + MINUTE * place, *pair, **more)
        for place, pair in enumerate(zip(compared, mismatched, strict=True))
    ]


def test_few_buckets_are_drawn_one_by_one():
    grid = make_grid({"prod": make([1, 1, 1], [0, 0, 0])}, 60, limit=10)
    assert (grid.count, grid.buckets, grid.start, grid.end) == (3, 1, START, START + 3 * MINUTE)


@pytest.mark.parametrize(("buckets", "limit"), [(1, 1), (7, 3), (500, 360), (10_000, 360), (44_640, 76)])
def test_many_buckets_are_drawn_in_no_more_steps_than_asked(buckets, limit):
    rows = [place % 11 + 1 for place in range(buckets)]
    series = make(rows, [1] * buckets)
    grid = make_grid({"prod": series}, 60, limit)
    steps = to_steps(series, grid)
    assert len(steps) == grid.count <= limit + 1
    assert sum(step.compared for step in steps if step) == sum(rows)
    assert sum(step.mismatched for step in steps if step) == buckets


def test_steps_add_up_and_keep_the_worst_bucket():
    series = make([10, 30], [0, 30], mean_online=0.1)
    series[1] = Bucket(series[1].start, 30, 30, mean_online=0.3)
    grid = make_grid({"prod": series}, 60, limit=1)
    (step,) = to_steps(series, grid)
    assert (step.compared, step.mismatched, step.rate, step.peak) == (40, 30, 0.75, 1.0)
    assert step.mean_online == pytest.approx((10 * 0.1 + 30 * 0.3) / 40)
    assert step.mean_replayed is None


def test_a_gap_in_time_is_no_step():
    series = [Bucket(START, 5, 0), Bucket(START + 3 * MINUTE, 5, 0)]
    grid = make_grid({"prod": series}, 60, limit=10)
    assert [step is None for step in to_steps(series, grid)] == [False, True, True, False]


def test_without_a_width_the_shortest_distance_is_one():
    series = [
        Bucket(START, 1, 0),
        Bucket(START + timedelta(minutes=10), 1, 0),
        Bucket(START + timedelta(hours=1), 1, 0),
    ]
    assert make_grid({"prod": series}, None, limit=100).width == timedelta(minutes=10)
    assert make_grid({}, None, limit=100) is None


def test_steps_begin_at_round_times():
    series = make([1] * 400, [0] * 400)
    grid = make_grid({"prod": [Bucket(entry.start + 3 * MINUTE, 1, 0) for entry in series]}, 60, limit=100)
    assert grid.width == 5 * MINUTE
    assert grid.start == START
