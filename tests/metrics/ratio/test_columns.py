"""Which of all sums a metric looks at."""

from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.ratio import columns as module
from replay.metrics.ratio.columns import MetricColumns
from replay.metrics.terms import BASE_TERMS, Term
from replay.metrics.value import NO_ROWS, NOT_PROBABILITIES, ZERO_WEIGHT

OTHERS = Term("others", lambda score, label: score)


@pytest.fixture
def with_another(monkeypatch):
    """Another metric brings a term between those that are always there and the end."""
    monkeypatch.setattr(module, "all_terms", lambda: (*BASE_TERMS, OTHERS))


def test_a_sum_of_another_metric_is_not_looked_at(with_another):
    columns = MetricColumns.of(Calibration)
    sums = np.array([[10.0, 4.0, 2.0, 7.0, np.inf]])
    products = np.arange(25.0).reshape(1, 5, 5)
    assert columns.looked_at == [0, 1, 2, 3]
    assert columns.pick(sums).tolist() == [[10.0, 4.0, 2.0, 7.0]]
    assert columns.pick_products(products)[0].tolist() == products[0, :4, :4].tolist()
    assert columns.pick(sums).flags["C_CONTIGUOUS"]


def test_sums_of_the_terms_alone_are_taken_as_they_are():
    columns, sums = MetricColumns.of(NormalizedEntropy), np.ones((2, 4))
    assert columns.pick(sums) is sums


def test_the_gradient_is_0_by_what_the_metric_does_not_take():
    """Predicted over observed: 2 / 4, by the prediction 1 / 4, by the label -2 / 16."""
    columns, sums = MetricColumns.of(Calibration), np.array([10.0, 4.0, 2.0, 7.0])
    assert columns.value(sums) == 0.5
    assert columns.gradient(sums).tolist() == [0.0, -0.125, 0.25, 0.0]


@pytest.mark.parametrize(
    ("sums", "rows", "outside", "reason"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0, 0, NO_ROWS),
        ([0.0, 0.0, 0.0, 0.0], 3, 0, ZERO_WEIGHT),
        ([3.0, 1.0, 1.0, 1.0], 3, 1, NOT_PROBABILITIES),
        ([3.0, 1.0, 1.0, 1.0], 3, 0, None),
    ],
)
def test_why_there_is_none(sums, rows, outside, reason):
    assert MetricColumns.of(NormalizedEntropy).why_undefined(np.array(sums), rows, outside) == reason
