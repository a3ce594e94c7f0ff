"""Which losses are named, and in which order."""

from __future__ import annotations

from replay.report.words.losses import LOSSES, METRIC_LABELS, costs, measured_loss
from tests.report import sample


def test_labels_of_losses_and_metrics() -> None:
    assert LOSSES == {
        "auc_drop": "AUC drop",
        "ne_increase": "NE increase",
        "mean_abs": "mean |difference|",
        "mismatch_rate": "share beyond tolerance",
    }
    assert list(METRIC_LABELS.values()) == ["AUC", "NE", "Log loss", "Calibration", "Log MAE"]


def test_of_a_cost_what_rows_add_up_to_comes_first() -> None:
    assert list(costs()) == ["ne_increase", "auc_drop", "calibration_shift"]


def test_the_loss_is_one_that_all_have() -> None:
    both, ne = sample.comparison(9, 1, auc_drop=0.1, ne_increase=0.2), sample.comparison(9, 1, ne_increase=0.2)
    assert measured_loss([both, both]) == "auc_drop"
    assert measured_loss([both, ne]) == "ne_increase"
    assert measured_loss([both, sample.comparison(9, 1)]) == "mean_abs"
