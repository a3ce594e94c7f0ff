import numpy as np
import pytest

from replay.diagnosis.incidents.refine import (
    Span,
    best_span,
    longest_part,
    mark_shares,
    marks,
    refine_marks,
    refine_mean,
)

BACKGROUND = np.full(25, 0.02 / 24)
BACKGROUND[0] = 0.98


@pytest.mark.parametrize("seed", range(20))
def test_the_best_span_is_the_best_of_all(seed):
    evidence = np.random.default_rng(seed).normal(-0.2, 1.0, 40)
    sums = {(a, b): evidence[a:b].sum() for a in range(40) for b in range(a, 41)}
    span = best_span(evidence)

    assert sums[span.first, span.last] == pytest.approx(max(sums.values()))


def test_marks_tell_sign_and_size():
    found = marks(np.array([0.5, 1.0, 2.0, 2.0, 5.0, np.inf]), np.array([1.0, 1.0, 1.0, -1.0, -1.0, np.nan]))

    assert found.tolist() == [0, 0, 13, 1, 2, 12]


def test_shares_are_smoothed():
    shares = mark_shares(np.array([0] * 95, dtype=np.int8), BACKGROUND)

    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] == pytest.approx((95 + 5 * 0.98) / 100)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_boundaries_to_the_row(share):
    rng = np.random.default_rng(3)
    mark = np.where(rng.random(3000) < 0.02, rng.integers(1, 25, 3000), 0)
    mark[mark == 5] = 4
    mark[1000:1500] = np.where(rng.random(500) < share, 5, mark[1000:1500])
    affected = np.flatnonzero(mark == 5)
    found = refine_marks(mark.astype(np.int8), Span(900, 1450), BACKGROUND)

    assert found == Span(int(affected[0]), int(affected[-1]) + 1)


def test_the_size_tells_an_incident_from_the_background():
    """Background mismatches right beside the incident, as frequent as it, but smaller."""
    background = np.where(np.arange(25) == 0, 0.7, 0.01 / 23)
    background[1] = 0.29
    mark = np.where(np.arange(2000) % 3 == 0, 1, 0).astype(np.int8)
    mark[501:801:3] = 6

    assert refine_marks(mark, Span(400, 900), background) == Span(501, 799)


def test_a_quiet_gap_splits():
    mark = np.zeros(3000, dtype=np.int8)
    mark[500:1000:2] = 5
    mark[1500:2500:2] = 5

    assert refine_marks(mark, Span(500, 2499), BACKGROUND, cluster=10.0) == Span(1500, 2499)


def test_a_short_gap_does_not():
    evidence = np.ones(1000)
    evidence[400:430] = -1.0

    assert longest_part(evidence, 50, 10.0) == Span(0, 1000)
    assert longest_part(evidence, 20, 100.0) == Span(0, 1000)
    assert longest_part(evidence, 20, 10.0) == Span(430, 1000)


def test_a_shift_of_the_mean():
    value = np.random.default_rng(0).normal(0.1, 1.0, 6000)
    value[2000:4000] -= 1.0
    found = refine_mean(value, Span(1800, 3500), 0.1, 1.0)

    assert found.first == pytest.approx(2000, abs=20)
    assert found.last == pytest.approx(4000, abs=20)
