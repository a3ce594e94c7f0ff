from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from replay.metrics.cluster import cluster_codes
from replay.metrics.histogram_metric import HistogramInfluence
from replay.metrics.interval import Z95, t_quantile
from replay.metrics.kinds.auc import Auc
from tests.metrics.cases import CASES, shards
from tests.metrics.kinds.test_auc import brute_force
from tests.metrics.state_tester import check_state

SCORE, LABEL, WEIGHT = (column for column in CASES["tied weights"])
RNG = np.random.default_rng(5)
OTHER = np.clip(SCORE + RNG.normal(0, 0.1, len(SCORE)), 0.01, 0.99).round(2)
GROUP = np.arange(len(SCORE)) // 4


def summarise(state):
    return {"value": astuple(state.compute()), "excluded": astuple(state.excluded)}


def histogram(score, weight=WEIGHT):
    return Auc().update(score, LABEL, weight).histogram


def second_pass():
    return HistogramInfluence(Auc, histogram(SCORE))


def test_without_clusters_it_is_delong():
    expected = Auc().update(SCORE, LABEL, WEIGHT).compute()
    found = check_state(second_pass, shards(SCORE, LABEL, WEIGHT), summarise)
    assert found["value"][:4] == pytest.approx(astuple(expected)[:4], rel=1e-12)


def influences(score, weight):
    """Influence of each row from the full matrix of pairs."""
    auc, _, v10, v01 = brute_force(score.astype(np.float32), LABEL, weight)
    rows = np.empty(len(score))
    for one, component in ((1, v10), (0, v01)):
        of_class = one == LABEL
        rows[of_class] = weight[of_class] * (component - auc) / weight[of_class].sum()
    return auc, rows


def test_clustered_variance_equals_brute_force():
    auc, rows = influences(SCORE, WEIGHT)
    by_cluster = np.bincount(cluster_codes(GROUP), weights=rows)
    count = len(set(cluster_codes(GROUP).tolist()))
    variance = count / (count - 1) * np.sum(by_cluster**2)
    half = t_quantile(count - 1) * np.sqrt(variance) / (auc * (1 - auc))
    found = check_state(
        lambda: HistogramInfluence(Auc, histogram(SCORE)), shards(SCORE, LABEL, WEIGHT, GROUP), summarise
    )
    low, high = found["value"][1:3]
    assert np.log(np.array([low / (1 - low), high / (1 - high)])) == pytest.approx(
        np.log(auc / (1 - auc)) + half * np.array([-1, 1]), rel=1e-9
    )


def test_paired_drop_equals_delongs_covariance():
    ones = np.ones(len(SCORE))
    base, _, base10, base01 = brute_force(SCORE.astype(np.float32), LABEL)
    auc, _, v10, v01 = brute_force(OTHER.astype(np.float32), LABEL)
    variance = np.var(base10 - v10, ddof=1) / len(v10) + np.var(base01 - v01, ddof=1) / len(v01)
    found = check_state(
        lambda: HistogramInfluence(Auc, histogram(OTHER, None), histogram(SCORE, None)),
        [(score, label, None, None, other) for score, label, other in shards(OTHER, LABEL, SCORE)],
        summarise,
    )
    value, low, high, rows, _ = found["value"]
    assert (value, rows) == (pytest.approx(base - auc, rel=1e-12), ones.size)
    assert (high - low) / 2 == pytest.approx(Z95 * np.sqrt(variance), rel=1e-10)


def test_a_score_against_itself_drops_by_exactly_nothing():
    found = (
        HistogramInfluence(Auc, histogram(SCORE), histogram(SCORE)).update(SCORE, LABEL, WEIGHT, GROUP, SCORE).compute()
    )
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_row_that_only_one_side_scores_counts_on_that_side():
    other = OTHER.copy()
    other[::7] = np.nan
    state = HistogramInfluence(Auc, histogram(other), histogram(SCORE)).update(other, LABEL, WEIGHT, None, SCORE)
    scored = np.isfinite(other)
    base, here = influences(SCORE, WEIGHT)[1], np.zeros(len(SCORE))
    part = HistogramInfluence(Auc, histogram(other)).table.influence(other[scored], LABEL[scored], WEIGHT[scored])[:, 0]
    here[scored] = part
    expected = [np.sum((base - here)[one == LABEL] ** 2) for one in (0, 1)]
    assert state.squares == pytest.approx(expected, rel=1e-10)


def test_other_rows_than_in_the_first_pass_are_refused():
    for spread in (1.0, 1e30):  # a dense and a sparse table of bins
        state = HistogramInfluence(Auc, Auc().update(np.array([0.25, 0.5 * spread]), np.array([0.0, 1.0])).histogram)
        with pytest.raises(ValueError, match=r"score 0\.3.* which the first did not see"):
            state.update(np.array([0.3]), np.array([1.0]))


def test_baseline_score_goes_with_a_baseline():
    with pytest.raises(ValueError, match="give `baseline_score` exactly where"):
        HistogramInfluence(Auc, histogram(SCORE)).update(SCORE, LABEL, WEIGHT, None, SCORE)


def test_undefined_says_why():
    one_class = Auc().update(np.array([0.1]), np.array([1.0])).histogram
    found = HistogramInfluence(Auc, one_class).update(np.array([0.1]), np.array([1.0])).compute()
    assert (found.value, found.reason) == (None, "the labels are all of one class")
