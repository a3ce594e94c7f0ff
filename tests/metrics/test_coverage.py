"""95% intervals hold the truth in 93% to 97% of simulated tables (fixed seeds)."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from replay.metrics.kinds.auc import Auc
from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.ratio.measure import measure_change
from replay.metrics.ratio.totals import TermTotals, row_terms
from tests.coverage import SMALL, simulate, text_of

ROUNDS = 1000
RATES = np.array([0.02, 0.1, 0.3, 0.7])
"""True rates of four kinds of rows, equally frequent."""
SCORES = np.array([0.03, 0.08, 0.25, 0.8])
"""What the model says of them."""


def truth(scores=SCORES):
    """Logloss, NE and calibration of the whole population."""
    logloss = np.mean(-RATES * np.log(scores) - (1 - RATES) * np.log(1 - scores))
    base = RATES.mean()
    return {
        LogLoss: logloss,
        NormalizedEntropy: logloss / -(base * np.log(base) + (1 - base) * np.log(1 - base)),
        Calibration: scores.mean() / base,
    }


def coverage(intervals, expected):
    return np.mean([low <= expected <= high for low, high in intervals])


def interval(found):
    return found.low, found.high


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", [LogLoss, NormalizedEntropy, Calibration], ids=lambda metric: metric.__name__)
def test_ratios_of_independent_rows(metric, weighted):
    rng = np.random.default_rng(11)
    found = []
    for _ in range(ROUNDS):
        kind = rng.integers(0, 4, 400)
        label = (rng.random(400) < RATES[kind]).astype(float)
        weight = rng.exponential(size=400) if weighted else None
        found.append(interval(metric().update(SCORES[kind], label, weight).compute()))
    assert 0.93 <= coverage(found, truth()[metric]) <= 0.97


def grouped_rows(rng, groups=150, size=6):
    """Rows of a request share their kind and half of their labels, so they are far from independent."""
    kind = np.repeat(rng.integers(0, 4, groups), size)
    shared = np.repeat(rng.random(groups), size)
    luck = np.where(rng.random(groups * size) < 0.5, shared, rng.random(groups * size))
    group = np.repeat(rng.integers(0, 2**62, groups), size)
    return kind, (luck < RATES[kind]).astype(float), group


@pytest.mark.parametrize("metric", [LogLoss, NormalizedEntropy, Calibration], ids=lambda metric: metric.__name__)
def test_ratios_of_rows_in_groups(metric):
    rng = np.random.default_rng(12)
    clustered, naive = [], []
    for _ in range(ROUNDS):
        kind, label, group = grouped_rows(rng)
        clustered.append(interval(metric().update(SCORES[kind], label, None, group).compute()))
        naive.append(interval(metric().update(SCORES[kind], label).compute()))
    assert 0.93 <= coverage(clustered, truth()[metric]) <= 0.97
    assert coverage(naive, truth()[metric]) < 0.85, "the case is too easy to tell the two apart"


def test_auc_of_independent_rows():
    # Normal scores one standard deviation apart: AUC = Phi(1 / sqrt 2).
    expected = NormalDist().cdf(1 / np.sqrt(2))
    rng = np.random.default_rng(13)
    found = []
    for _ in range(ROUNDS):
        label = (rng.random(300) < 0.2).astype(float)
        found.append(interval(Auc().update(rng.normal(size=300) + label, label).compute()))
    assert 0.93 <= coverage(found, expected) <= 0.97


def test_auc_of_rows_in_groups():
    # A request moves all of its scores by N(0, 1): between requests AUC = Phi(1 / sqrt(2 + 2)).
    expected = NormalDist().cdf(1 / 2)
    rng = np.random.default_rng(14)
    clustered, naive = [], []
    for _ in range(600):
        group = np.repeat(rng.integers(0, 2**62, 200), 5)
        label = np.repeat((rng.random(200) < 0.4).astype(float), 5)  # a request's rows share the label
        score = rng.normal(size=1000) + np.repeat(rng.normal(size=200), 5) + label
        naive.append(interval(Auc.measure(score, label)))
        clustered.append(interval(Auc.measure(score, label, None, group)))
    assert 0.93 <= coverage(clustered, expected) <= 0.97
    assert coverage(naive, expected) < 0.85


def test_paired_auc_drop():
    # The variant adds N(0, 1) noise to the baseline's score: AUC falls from Phi(1 / sqrt 2) to Phi(1 / 2).
    expected = NormalDist().cdf(1 / np.sqrt(2)) - NormalDist().cdf(1 / 2)
    rng = np.random.default_rng(15)
    found = []
    for _ in range(600):
        label = (rng.random(400) < 0.3).astype(float)
        base = rng.normal(size=400) + label
        noisy = base + rng.normal(size=400)
        found.append(interval(Auc.measure_change(noisy, base, label)))
    assert 0.93 <= coverage(found, expected) <= 0.97


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("metric", [NormalizedEntropy, Calibration], ids=lambda metric: metric.change.name)
def test_paired_changes_of_ratios(metric, grouped):
    other = np.array([0.05, 0.05, 0.35, 0.6])
    expected = truth(other)[metric] - truth()[metric]
    rng = np.random.default_rng(16)
    found, width, alone = [], [], []
    for _ in range(ROUNDS):
        kind, label, group = grouped_rows(rng)
        if not grouped:
            kind = rng.integers(0, 4, label.size)
            label = (rng.random(label.size) < RATES[kind]).astype(float)
        here, there = row_terms(other[kind], label, None), row_terms(SCORES[kind], label, None)
        sums = [None, None]
        if grouped:
            codes = np.unique(group, return_inverse=True)[1]
            sums = [np.stack([np.bincount(codes, weights=term) for term in terms], axis=1) for terms in (here, there)]
        sides = [
            TermTotals(terms.sum(axis=1), terms @ terms.T, label.size, 0, by_group)
            for terms, by_group in zip((here, there), sums, strict=True)
        ]
        change = measure_change(metric, sides[0], sides[1], here @ there.T)
        found.append(interval(change))
        width.append(change.high - change.low)
        single = metric().update(SCORES[kind], label).compute()
        alone.append(single.high - single.low)
    assert 0.93 <= coverage(found, expected) <= 0.97
    if not grouped:
        assert np.mean(width) < 0.8 * np.mean(alone), "pairing narrows the interval"


@pytest.mark.parametrize("cell", SMALL, ids=str)
def test_a_small_part_of_the_table_of_the_docs(cell):
    """Of 300 tables, 95% that hold the truth are 91% to 99% but for 3 in 1,000 cases."""
    found = simulate(cell, 300, seed=1)
    for name, entry in found.items():
        if text_of(entry) == "none":
            assert name == "log_mae", "eight positives have intervals of all but this"
        else:
            assert 0.91 <= entry.coverage <= (1.0 if name == "log_mae" else 0.99), name
