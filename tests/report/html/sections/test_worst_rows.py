from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.html.sections.worst_rows import ROWS_SHOWN, show_value, worst_row_tables
from replay.report.summary.data import ReportData
from tests.report import sample


def test_what_is_null_in_every_row_is_named():
    (group,) = worst_row_tables(sample.burst_data(), "prod")
    assert group.always_missing == ("ctr_7d", "impressions_7d", "clicks_30d")
    assert (len(group.rows), group.left_out) == (ROWS_SHOWN, 4)
    assert group.rows[0].num_missing == 3
    assert group.rows[1].num_missing == 4


def test_the_baseline_comes_first():
    described = sample.burst_data().summary
    rows = (*sample.worst_rows("candidate", 9), *sample.worst_rows("prod", 2))
    groups = worst_row_tables(ReportData(described, (), rows), "prod")
    assert [(group.variant, len(group.rows), group.left_out) for group in groups] == [
        ("prod", 2, 0),
        ("candidate", 3, 6),
    ]


def test_a_row_says_its_key_scores_and_command():
    (row, *_) = worst_row_tables(sample.burst_data(), "prod")[0].rows
    assert row.key == "request_id=r-88213 item_id=4400"
    assert (row.online, row.replayed, row.delta) == ("0.0121", "0.4248", "+0.4127")
    assert row.command == "replay row replay.yaml --key request_id=r-88213 --key item_id=4400"
    assert row.time == "2026-11-20 18:02:00.137"


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
    (group,) = worst_row_tables(ReportData(sample.burst_data().summary, (), (row,)), "prod")
    assert group.rows[0].kind == said


def test_a_list_of_nulls_is_missing_and_an_empty_one_is_not():
    row = replace(sample.worst_rows("prod", 1)[0], features={"nulls": [None, None], "empty": [], "half": [None, 1]})
    (group,) = worst_row_tables(ReportData(sample.burst_data().summary, (), (row,)), "prod")
    assert [feature.missing for feature in group.rows[0].features] == [True, False, False]


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
    assert show_value(value) == text
