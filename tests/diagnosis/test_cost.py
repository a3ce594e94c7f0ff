"""Costs against scikit-learn and a hand-written formula."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from replay.diagnosis.cost import NO_LOSS, quality_loss


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    right = 1 / (1 + np.exp(-rng.normal(-1, 1.5, 8000)))
    label = (rng.random(8000) < right).astype(float)
    hit = rng.random(8000) < 0.4
    online = np.where(hit, np.clip(right * rng.uniform(0.2, 3.0, 8000), 0.01, 0.99), right)
    return online, right, label, hit, rng.uniform(0.5, 2.0, 8000)


def _ne(score, label, weight):
    rate = np.average(label, weights=weight)
    return log_loss(label, score, sample_weight=weight) / -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))


def test_losses_are_differences_of_the_metrics(rows):
    online, right, label, _, weight = rows
    found = quality_loss(online, right, label, weight=weight).metrics

    auc = [roc_auc_score(label, score, sample_weight=weight) for score in (online, right)]
    assert [found["auc"].online.value, found["auc"].replayed.value] == pytest.approx(auc)
    assert found["auc"].loss.value == pytest.approx(auc[1] - auc[0])
    assert found["ne"].loss.value == pytest.approx(_ne(online, label, weight) - _ne(right, label, weight))
    total = np.sum(weight * label)
    assert found["calibration"].loss.value == pytest.approx(np.sum(weight * (online - right)) / total)


def test_paired_intervals_agree_with_the_bootstrap(rows):
    online, right, label, _, _ = rows
    found = quality_loss(online, right, label).metrics["ne"].loss
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(300):
        some = rng.integers(0, len(label), len(label))
        drawn.append(_ne(online[some], label[some], None) - _ne(right[some], label[some], None))

    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.std(drawn), rel=0.15)


def test_a_cause_that_explains_all_rows_has_the_whole_loss_and_one_that_explains_none_nothing(rows):
    online, right, label, hit, _ = rows
    causes = quality_loss(online, right, label, explained={"all": hit, "none": np.zeros_like(hit)}).causes

    for metric in ("auc", "ne"):
        assert causes["all"][metric].share == pytest.approx(1.0)
        assert causes["none"][metric].share == 0.0


def test_a_cause_is_repaired_alone(rows):
    online, right, label, hit, _ = rows
    part = hit & (np.arange(len(hit)) % 2 == 0)
    found = quality_loss(online, right, label, explained={"half": part}).causes["half"]["auc"]

    repaired = np.where(part, right, online)
    assert found.regained.value == pytest.approx(roc_auc_score(label, repaired) - roc_auc_score(label, online))
    assert 0.2 < found.share < 0.8


def test_a_loss_that_is_not_told_from_zero_has_no_shares(rows):
    _, right, label, hit, _ = rows
    noisy = right * (1 + 1e-3 * np.random.default_rng(0).normal(size=len(right)))
    part = quality_loss(noisy, right, label, explained={"x": hit}).causes["x"]["calibration"]

    assert (part.share, part.reason) == (None, NO_LOSS)


def test_labels_of_one_class_leave_auc_and_ne_undefined_with_a_reason(rows):
    online, right, _, hit, _ = rows
    found = quality_loss(online, right, np.ones(len(online)), explained={"x": hit})

    assert found.metrics["auc"].loss.value is None
    assert found.metrics["auc"].loss.reason == "the labels are all of one class"
    assert found.causes["x"]["auc"].reason == "the labels are all of one class"


def test_rows_without_a_score_or_label_are_left_out_on_both_sides(rows):
    online, right, label, _, _ = rows
    broken, unlabelled = right.copy(), label.copy()
    broken[:10], unlabelled[10:30] = np.nan, np.nan
    found = quality_loss(online, broken, unlabelled)

    assert found.rows == len(label) - 30
    assert found.metrics["auc"].loss.value == pytest.approx(
        quality_loss(online[30:], right[30:], label[30:]).metrics["auc"].loss.value
    )


def test_no_rows_at_all():
    nothing = np.empty(0)
    found = quality_loss(nothing, nothing, nothing)

    assert {name: one.loss.value for name, one in found.metrics.items()} == {
        "auc": None,
        "ne": None,
        "calibration": None,
    }


def test_groups_of_copied_rows_widen_the_interval(rows):
    online, right, label, _, _ = (np.repeat(one, 4) for one in rows)
    group = np.repeat(np.arange(len(rows[0])), 4)
    alone = quality_loss(online, right, label).metrics
    grouped = quality_loss(online, right, label, group=group).metrics

    for name in ("auc", "ne", "calibration"):
        narrow, wide = (one[name].loss.high - one[name].loss.low for one in (alone, grouped))
        assert wide / narrow == pytest.approx(2.0, rel=0.12)  # four copies: twice the standard error


def test_lengths_must_agree(rows):
    with pytest.raises(ValueError, match="expected 8000 rows"):
        quality_loss(rows[0], rows[1][:5], rows[2])
