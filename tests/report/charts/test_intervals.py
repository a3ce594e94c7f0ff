"""A metric with its interval on a scale."""

from __future__ import annotations

from replay.metrics.value import MetricValue
from replay.report.charts.intervals import interval_cell, metric_names, shared_scale


def test_an_undefined_metric_says_why():
    found = MetricValue(None, None, None, 5, "the labels are all of one class")
    cell = interval_cell(found, shared_scale([found]))
    assert (cell.text, cell.at, cell.reason) == ("undefined", None, "the labels are all of one class")


def test_a_value_without_interval_is_a_point():
    found = MetricValue(0.5, None, None, 5)
    cell = interval_cell(found, shared_scale([found]))
    assert (cell.text, cell.at, cell.low, cell.high, cell.interval) == ("0.5", 0.5, None, None, "")
    assert interval_cell(None, None).at is None


def test_unknown_metrics_follow_the_known():
    assert metric_names([{"gauc": 1, "ne": 1}, {"auc": 1}]) == ("auc", "ne", "gauc")
