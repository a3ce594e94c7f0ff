from __future__ import annotations

import pytest

from replay.metrics.value import MetricValue
from replay.report.charts.intervals import interval_cell, metric_names, shared_scale
from replay.report.data import ReportData
from replay.report.html.forest import SLICED_VARIANTS, SLICES_SHOWN, quality_table, slice_tables
from tests.report import sample
from tests.report.sample import metric


def test_quality_has_the_online_score_first_on_one_scale():
    table = quality_table(sample.burst_data().summary)
    assert table is not None
    assert table.columns == ("AUC", "NE", "Log loss", "Calibration", "Log MAE")
    assert [line for line, _ in table.lines] == ["online", "prod", "candidate"]
    aucs = [cells[0] for _, cells in table.lines]
    assert [cell.text for cell in aucs] == ["0.7188", "0.7312", "0.7373"]
    assert aucs[0].at < aucs[1].at < aucs[2].at
    assert aucs[0].reference is None
    assert aucs[1].reference == aucs[2].reference == aucs[0].at
    for cell in aucs:
        assert 0 < cell.low < cell.at < cell.high < 1


def test_without_labels_there_is_no_table():
    assert quality_table(sample.bare_data().summary) is None


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


def test_slices_are_cut_and_say_so():
    rows = [metric("prod", "mismatch_rate", 0.1, 10, where=f"country={place}") for place in range(SLICES_SHOWN + 7)]
    data = ReportData(sample.clean_data().summary, tuple(rows))
    ((name, (table,)),) = slice_tables(data, "prod")
    assert (name, table.segment, len(table.lines), table.left_out) == ("prod", "country", SLICES_SHOWN, 7)
    assert table.columns == ()


def test_only_some_variants_are_sliced():
    names = [f"v{place}" for place in range(SLICED_VARIANTS + 3)]
    rows = [metric(name, "mismatch_rate", 0.1, 10, where="s=1") for name in names]
    described = sample.summary({name: sample.variant(sample.comparison(10, 1)) for name in names})
    tables = slice_tables(ReportData(described, tuple(rows)), "v3")
    assert [name for name, _ in tables] == ["v3", "v0", "v1", "v2", "v4", "v5"]


def test_a_slice_shows_its_rate_and_quality():
    (name, segments), *_ = slice_tables(sample.burst_data(), "prod")
    assert (name, [segment.segment for segment in segments]) == ("prod", ["surface", "country"])
    home = segments[0].lines[0]
    assert (home.value, home.compared, home.mismatched, home.rate) == ("home", "92,000", "4,323", "4.7%")
    assert home.share == pytest.approx(4_323 / 92_000)
    assert segments[0].columns == ("AUC", "Calibration")
    assert home.cells[0].text == "0.742"
    assert home.cells[0].reference < home.cells[0].at
