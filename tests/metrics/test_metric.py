"""Every metric's state against the laws of merging and against an oracle."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from replay.metrics.kinds.auc import Auc
from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.log_mae import LogMae
from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.metric import METRICS, changed_metrics, losses
from replay.metrics.value import NO_POSITIVES, NO_ROWS, NOT_PROBABILITIES, ONE_CLASS, ZERO_WEIGHT
from tests.metrics.cases import CASES, shards
from tests.metrics.state_tester import check_state


def auc(score, label, weight):
    return roc_auc_score(label, score.astype(np.float64), sample_weight=weight)


def logloss(score, label, weight):
    return log_loss(label, np.clip(score.astype(np.float64), 1e-12, 1 - 1e-12), sample_weight=weight)


def ne(score, label, weight):
    rate = np.average(label, weights=weight)
    return logloss(score, label, weight) / -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))


def calibration(score, label, weight):
    weight = np.ones(len(label)) if weight is None else weight
    return np.sum(weight * score.astype(np.float64)) / np.sum(weight * label)


def test_the_metrics_in_the_order_they_are_shown():
    assert list(METRICS) == ["auc", "ne", "logloss", "calibration", "log_mae"]
    assert all(metric.name == name for name, metric in METRICS.items())
    assert list(changed_metrics()) == ["auc_drop", "ne_increase", "calibration_shift"]
    assert list(losses()) == ["auc_drop", "ne_increase"]
    assert Auc.change_text("variant", "baseline") == "AUC of the baseline less that of the variant."
    assert LogLoss.change_text("variant", "baseline") is None


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("grouped", [False, True])
def test_rows_in_memory_have_the_change_of_the_values(metric, grouped):
    score, label, weight = CASES["weights"]
    other = 0.7 * score + 0.3 * np.random.default_rng(1).random(600)
    group = np.arange(600) // 5 if grouped else None
    if metric.change is None:
        with pytest.raises(ValueError, match="says what its change is called"):
            metric.measure_change(other, score, label, weight, group)
        return
    here, there = (metric.measure(side, label, weight, group) for side in (other, score))
    found = metric.measure_change(other, score, label, weight, group)
    assert found.value == pytest.approx(metric.change.sign * (here.value - there.value), rel=1e-12)
    assert found.low < found.value < found.high
    assert here.low < here.value < here.high


ORACLES = {Auc: auc, LogLoss: logloss, NormalizedEntropy: ne, Calibration: calibration}
KINDS = (*ORACLES, LogMae)


def summarise(state):
    return {
        **dict(zip(("value", "low", "high", "rows", "reason", "positives"), astuple(state.compute()), strict=True)),
        "excluded": astuple(state.excluded),
    }


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("metric", ORACLES, ids=lambda metric: metric.__name__)
def test_equals_oracle_however_sharded(metric, case):
    score, label, weight = CASES[case]
    found = check_state(metric, shards(score, label, weight), summarise)
    assert found["value"] == pytest.approx(ORACLES[metric](score, label, weight), rel=1e-9)
    assert found["low"] < found["value"] < found["high"] or case == "constant"
    assert found["rows"] == len(score)
    assert found["reason"] is None
    weights = label if weight is None else weight * label
    assert found["positives"] == round(weights.sum() ** 2 / (weights @ weights))


@pytest.mark.parametrize("metric", KINDS, ids=lambda metric: metric.__name__)
def test_clustered_state_keeps_the_laws(metric):
    score, label, weight = CASES["weights"]
    found = check_state(metric, shards(score, label, weight, np.arange(600) // 5), summarise)
    assert found["value"] == pytest.approx(metric().update(score, label, weight).compute().value, rel=1e-12)
    has_interval = found["low"] is not None
    assert has_interval == (metric not in (Auc, LogMae)), "ranks need the second pass"


@pytest.mark.parametrize("metric", KINDS, ids=lambda metric: metric.__name__)
def test_rows_that_cannot_be_used_are_counted(metric):
    score = np.array([0.2, 0.7, np.nan, np.inf, 0.5, 0.5, 0.5, 0.5, 0.5])
    label = np.array([0, 1, 1, 0, np.nan, 2, 1, 0, 1])
    weight = np.array([1, 1, 1, 1, 1, 1, -1, np.nan, np.inf])
    state = metric().update(score, label, weight)
    assert astuple(state.excluded) == (1, 1, 3, 2, 2.0, 2.0)
    assert state.compute() == metric().update(score[:2], label[:2], weight[:2]).compute()
    assert state.compute().rows == 2


ALL_METRICS_UNDEFINED = {
    "nothing": ([], [], None, NO_ROWS),
    "only NaN": ([np.nan], [1.0], None, NO_ROWS),
    "weights all 0": ([0.2, 0.3], [0.0, 1.0], [0.0, 0.0], ZERO_WEIGHT),
}


@pytest.mark.parametrize("case", ALL_METRICS_UNDEFINED)
@pytest.mark.parametrize("metric", KINDS, ids=lambda metric: metric.__name__)
def test_undefined_says_why(metric, case):
    score, label, weight, reason = ALL_METRICS_UNDEFINED[case]
    found = metric().update(np.array(score), np.array(label), None if weight is None else np.array(weight)).compute()
    assert (found.value, found.low, found.high, found.reason) == (None, None, None, reason)


@pytest.mark.parametrize(
    ("metric", "label", "score", "reason"),
    [
        (Auc, 0.0, 0.5, ONE_CLASS),
        (Auc, 1.0, 0.5, ONE_CLASS),
        (NormalizedEntropy, 0.0, 0.5, ONE_CLASS),
        (NormalizedEntropy, 1.0, 0.5, ONE_CLASS),
        (NormalizedEntropy, 1.0, 1.5, NOT_PROBABILITIES),
        (LogLoss, 1.0, 1.5, NOT_PROBABILITIES),
        (LogLoss, 1.0, -0.1, NOT_PROBABILITIES),
        (LogMae, 1.0, 1.5, NOT_PROBABILITIES),
        (LogMae, 0.0, 0.5, NO_POSITIVES),
        (LogMae, 1.0, 0.0, "the scores of all rows sum to zero"),
        (Calibration, 0.0, 0.5, NO_POSITIVES),
    ],
)
def test_undefined_of_one_metric(metric, label, score, reason):
    found = metric().update(np.full(3, score), np.full(3, label)).compute()
    assert (found.value, found.low, found.high, found.rows, found.reason) == (None, None, None, 3, reason)


def test_huge_scores_are_ranked():
    assert Auc().update(np.array([1e308, -1e308]), np.array([1.0, 0.0])).compute().value == 1.0


@pytest.mark.parametrize("metric", KINDS, ids=lambda metric: metric.__name__)
def test_cluster_must_be_given_always_or_never(metric):
    score, label = np.array([0.1, 0.9]), np.array([0.0, 1.0])
    state = metric().update(score, label, None, np.array([1, 2]))
    with pytest.raises(ValueError, match="with and without `cluster`"):
        state.update(score, label)


def test_weight_must_be_given_always_or_never():
    score, label = np.array([0.1, 0.9]), np.array([0.0, 1.0])
    with pytest.raises(ValueError, match="with and without `weight`"):
        Auc().update(score, label).merge(Auc().update(score, label, np.ones(2)))


def test_columns_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match=r"shapes \[\(2,\), \(3,\)\]"):
        Auc().update(np.zeros(2), np.zeros(3))


def test_float32_scores_are_summed_in_float64():
    # In float32, 2**24 + 1 is 2**24: each of the ones would be lost.
    state = Calibration()
    for score in (2.0**24, 1.0, 1.0, 1.0):
        state.update(np.array([score], dtype=np.float32), np.ones(1, dtype=np.float32))
    assert state.compute().value == (2**24 + 3) / 4
