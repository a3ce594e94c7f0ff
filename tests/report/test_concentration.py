from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.report.concentration import Shape, _best_run, _maximal_segments, concentrate

Counts = st.lists(
    st.integers(0, 50).flatmap(lambda rows: st.tuples(st.just(rows), st.integers(0, rows))), min_size=1, max_size=25
)


def spans(found):
    return [(run.first, run.last) for run in found.runs]


@given(Counts)
@settings(max_examples=200, deadline=None)
def test_the_best_run_is_that_of_trying_all(counts):
    compared, mismatched = [rows for rows, _ in counts], [wrong for _, wrong in counts]
    total, wrong = sum(compared), sum(mismatched)
    if not total or not wrong:
        return
    surpluses = {
        (first, last): sum(mismatched[first : last + 1]) / wrong - sum(compared[first : last + 1]) / total
        for first in range(len(counts))
        for last in range(first, len(counts))
    }
    run, surplus = _best_run(compared, mismatched, total, wrong)
    assert surplus == pytest.approx(max(surpluses.values()), abs=1e-9)
    assert surpluses[run.first, run.last] == pytest.approx(surplus, abs=1e-9)


@given(st.lists(st.integers(-5, 5), max_size=14))
@settings(max_examples=200, deadline=None)
def test_maximal_segments_follow_their_definition(scores):
    """Ruzzo and Tompa: the best segment is one of them, and left and right of it the rest are found alike."""

    def by_definition(first, last):
        if first > last:
            return []
        pairs = [(left, right) for left in range(first, last + 1) for right in range(left, last + 1)]
        left, right = max(pairs, key=lambda pair: (sum(scores[pair[0] : pair[1] + 1]), pair[0] - pair[1], -pair[0]))
        if sum(scores[left : right + 1]) <= 0:
            return []
        return [*by_definition(first, left - 1), (left, right), *by_definition(right + 1, last)]

    best = [sum(scores[first : last + 1]) for first, last in by_definition(0, len(scores) - 1)]
    found = [sum(scores[first : last + 1]) for first, last in _maximal_segments(scores)]
    assert max(found, default=0) == max(best, default=0)
    assert sum(found) == sum(best)


def test_a_burst_is_found_to_the_bucket():
    rows, wrong = [100] * 180, [0] * 180
    wrong[62:65] = [94, 99, 93]
    wrong[100] = 1
    found = concentrate(rows, wrong)
    assert (found.shape, spans(found)) == (Shape.CONCENTRATED, [(62, 64)])
    assert found.mismatched_share == pytest.approx(286 / 287)
    assert found.compared_share == pytest.approx(300 / 18_000)
    assert found.outside_rate == pytest.approx(1 / 17_700)


def test_two_bursts_are_two_runs():
    rows, wrong = [100] * 180, [0] * 180
    wrong[20:23] = wrong[120:123] = [90] * 3
    assert spans(concentrate(rows, wrong)) == [(20, 22), (120, 122)]


def test_many_bursts_are_named_as_one_range():
    rows, wrong = [100] * 180, [0] * 180
    for first in range(20, 80, 10):
        wrong[first] = 90
    assert spans(concentrate(rows, wrong)) == [(20, 70)]


def test_stray_rows_do_not_stretch_a_burst():
    rows = [23] * 10_000
    wrong = [1 if place % 53 == 7 else 0 for place in range(10_000)]
    wrong[4_000:4_030] = [12] * 30
    assert spans(concentrate(rows, wrong)) == [(4_000, 4_029)]


def test_a_change_that_stays_is_one_run_to_the_end():
    found = concentrate([50] * 100, [0] * 40 + [50] * 60)
    assert spans(found) == [(40, 99)]
    assert found.shape is Shape.LEANING
    assert found.outside_rate == 0


def test_all_and_none_are_even_and_nothing():
    assert concentrate([10] * 9, [10] * 9).shape is Shape.EVEN
    assert concentrate([10] * 9, [0] * 9).shape is Shape.NONE
    assert concentrate([], []).shape is Shape.NONE
    assert concentrate([10], [7]).shape is Shape.EVEN


@pytest.mark.parametrize("wrong", [1, 4])
def test_of_a_few_mismatches_nothing_is_said(wrong):
    """They lie somewhere: that they do is no finding."""
    found = concentrate([10] * 9, [0] * 4 + [wrong] + [0] * 4)
    assert (found.shape, found.runs, found.outside_rate) == (Shape.NONE, (), None)


def test_all_in_one_bucket_is_told_where_it_is_no_chance():
    """Five of five in one of nine equal buckets: 9 in 9 ** 5; in one of two, 1 in 16."""
    found = concentrate([10] * 9, [0] * 4 + [5] + [0] * 4)
    assert (found.shape, spans(found), found.outside_rate) == (Shape.CONCENTRATED, [(4, 4)], 0)
    assert concentrate([10, 10], [5, 0]).shape is Shape.EVEN
    assert concentrate([10, 10], [7, 0]).shape is Shape.CONCENTRATED


def test_even_mismatches_are_called_even():
    """Of 200 windows with 150 mismatches that are spread by chance, about 5 % are called otherwise."""
    generator = np.random.default_rng(0)
    called = [concentrate([1_000] * 60, generator.multinomial(150, [1 / 60] * 60).tolist()).shape for _ in range(200)]
    assert set(called) <= {Shape.EVEN, Shape.LEANING}
    assert called.count(Shape.LEANING) <= 20


def test_mismatches_that_follow_the_volume_are_even():
    rows = [100 + 10 * place for place in range(100)]
    assert concentrate(rows, [round(amount * 0.2) for amount in rows]).shape is Shape.EVEN


def test_every_run_says_what_it_holds():
    rows, wrong = [7, 0, 9, 4, 6], [0, 0, 9, 4, 0]
    (run,) = concentrate(rows, wrong).runs
    assert (run.compared, run.mismatched) == (13, 13)
