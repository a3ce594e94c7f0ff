"""The dependence on the label against statsmodels' formula of Mantel and Haenszel, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from replay.audit.label_dependence import LIMIT, LabelDependence

CLUSTERS = 64


def _draw(seed: int, leak: float, rows: int = 20_000):
    rng = np.random.default_rng(seed)
    bins, labels = rng.integers(0, 32, rows), (rng.random(rows) < 0.3).astype(np.int64)
    differs = rng.random(rows) < np.where(labels == 1, 0.02 + leak, 0.02) * (1 + bins / 32)
    return bins, np.arange(rows) % CLUSTERS, labels, differs


def _z(*drawn) -> float:
    state = LabelDependence(CLUSTERS)
    state.update(*drawn)
    return state.z()


def _mantel_haenszel(bins, labels, differs) -> float:
    """The textbook statistic, whose variance is hypergeometric: Mantel and Haenszel 1959, without continuity."""
    above = variance = 0.0
    for each in np.unique(bins):
        y, d = labels[bins == each], differs[bins == each]
        n, positive, changed = len(y), y.sum(), d.sum()
        above += (y * d).sum() - positive * changed / n
        variance += positive * (n - positive) * changed * (n - changed) / (n * n * (n - 1))
    return above / variance**0.5


@pytest.mark.parametrize("leak", [0.0, 0.005, 0.01])
def test_of_rows_on_their_own_it_is_the_textbooks(leak):
    """Near independence; far from it the textbook takes the variance that independence would have."""
    bins, clusters, labels, differs = _draw(1, leak)
    expected = _mantel_haenszel(bins, labels, differs)

    assert _z(bins, clusters, labels, differs) == pytest.approx(expected, rel=0.25, abs=0.3)


def test_without_a_leak_it_is_standard_normal_and_with_one_it_is_large():
    clean = np.array([_z(*_draw(seed, 0.0, 4000)) for seed in range(200)])

    assert abs(clean.mean()) < 0.2
    assert 0.85 < clean.std() < 1.15
    assert np.abs(clean).max() < LIMIT
    assert _z(*_draw(3, 0.28)) > 20


def test_a_difference_that_depends_on_the_value_alone_is_no_leak():
    rng = np.random.default_rng(2)
    bins = rng.integers(0, 32, 20_000)
    labels = (rng.random(20_000) < bins / 32).astype(np.int64)
    differs = rng.random(20_000) < bins / 64

    assert abs(_z(bins, np.arange(20_000) % CLUSTERS, labels, differs)) < 4


def test_parts_merge_to_the_whole():
    drawn = _draw(5, 0.03)
    merged = LabelDependence(CLUSTERS)
    for part in (slice(0, 7000), slice(7000, None)):
        other = LabelDependence(CLUSTERS)
        other.update(*(each[part] for each in drawn))
        merged.merge(other)

    assert merged.z() == _z(*drawn)
    assert LabelDependence(CLUSTERS).z() == 0.0


def test_bins_of_a_narrow_type_are_the_same_bins():
    """Cells come as bytes; their product with the clusters does not fit in one."""
    bins, *others = _draw(6, 0.03)

    assert _z(bins.astype(np.uint8), *others) == _z(bins, *others)
