from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.html.render import render_html
from replay.report.html.sections.worst_rows import ROWS_SHOWN, is_missing, logged_value, worst_row_tables
from replay.report.summary.data import ReportData
from tests.report import sample
from tests.report.html.page_reader import section_text


def test_what_is_null_in_every_row_is_named():
    (group,) = worst_row_tables(sample.burst_data(), "prod")
    assert group.always_missing == ("ctr_7d", "impressions_7d", "clicks_30d")
    assert (len(group.rows), group.left_out) == (ROWS_SHOWN, 4)
    first, second, *_ = section_text(sample.burst_data(), "worst").split("request_id=")[1::2]
    assert "3 null features" in first
    assert "4 null features" in second


def test_the_baseline_comes_first():
    described = sample.burst_data().summary
    rows = (*sample.worst_rows("candidate", 9), *sample.worst_rows("prod", 2))
    groups = worst_row_tables(ReportData(described, (), rows), "prod")
    assert [(group.variant, len(group.rows), group.left_out) for group in groups] == [
        ("prod", 2, 0),
        ("candidate", 3, 6),
    ]


def test_a_row_says_its_key_scores_and_command():
    text = section_text(sample.burst_data(), "worst")
    assert "request_id=r-88213, item_id=4400 0.0121 → 0.4248 +0.4127 2026-11-20 18:02:00.137 UTC · 3 null" in text
    assert "replay row /runs/window-41 --key request_id=r-88213 --key item_id=4400 Copy" in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing_online", "no online score"),
        ("non_finite", "a score is not a finite number"),
        ("beyond_tolerance", ""),
    ],
)
def test_a_row_that_is_not_beyond_tolerance_says_what_it_is(kind, said):
    row = replace(sample.worst_rows("prod", 1)[0], kind=kind, delta=None)
    text = section_text(ReportData(sample.burst_data().summary, (), (row,)), "worst")
    parts = text.partition("UTC")[2].partition(" null features")[0].split(" · ")
    assert parts[1:-1] == ([said] if said else [])


@pytest.mark.parametrize(("value", "missing"), [([None, None], True), ([], False), ([None, 1], False), (None, True)])
def test_a_list_of_nulls_is_missing_and_an_empty_one_is_not(value, missing):
    assert is_missing(value) is missing
    row = replace(sample.worst_rows("prod", 1)[0], features={"x": value})
    marked = 'class="missing"' in render_html(ReportData(sample.burst_data().summary, (), (row,)))
    assert marked is missing


def test_features_beyond_two_hundred_are_counted():
    row = replace(sample.worst_rows("prod", 1)[0], features={f"f{index}": index for index in range(203)})
    text = section_text(ReportData(sample.burst_data().summary, (), (row,)), "worst")
    assert "f199 199 3 more features: see the command." in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1e-9, "1e-09"),
        ("x" * 100, "x" * 80 + "... (100 characters)"),
        ([], "[]"),
        ([None, 0.5], "[null, 0.5]"),
        ({"a": 1, "b": None}, "[a: 1, b: null]"),
    ],
)
def test_values_are_short(value, text):
    assert logged_value(value) == text
