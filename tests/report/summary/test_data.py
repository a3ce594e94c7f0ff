from __future__ import annotations

import json
from datetime import UTC
from decimal import Decimal

import pytest

from replay.errors import UsageError
from replay.report.html.render import render_html
from replay.report.summary.data import ReportData, WorstRow, kept_rows
from tests.report import sample


def test_report_data_survives_json():
    data = sample.burst_data()
    again = ReportData.from_json(data.to_json())
    assert again == data
    assert all(row.bucket is None or row.bucket.tzinfo is UTC for row in again.rows)
    assert render_html(again) == render_html(data)


def test_only_rows_that_are_drawn_or_judged_are_saved():
    extra = [
        sample.metric("prod", "ne", 0.8, 10, against=None, bucket=sample.START),
        sample.metric("prod", "mismatch_rate", 0.8, 10, against="baseline", bucket=sample.START),
        sample.metric("prod", "mismatch_rate", 0.8, 10, where="surface=home", bucket=sample.START),
    ]
    judged = (
        sample.metric("prod", "auc", 0.8, 10, against=None),
        sample.metric("prod", "auc_drop", 0.1, 10, against="baseline", where="surface=home"),
    )
    data = sample.burst_data()
    assert kept_rows(data.rows) == data.rows
    assert kept_rows([*data.rows, *extra, *judged]) == (*data.rows, *judged)


def test_what_a_gate_judges_keeps_values_that_are_not_finite():
    row = sample.metric("prod", "auc_drop", float("inf"), 10, against="baseline", where="surface=home")
    data = ReportData(sample.clean_data().summary, (row,))
    again = ReportData.from_json(data.to_json())
    assert again.rows == (row,)
    assert again.judgeable


def test_data_of_an_earlier_version_does_not_hold_all_that_a_gate_is_about():
    saved = sample.clean_data().to_dict()
    del saved["judgeable"]
    assert not ReportData.from_dict(saved).judgeable


def test_values_of_any_kind_are_rendered_again_as_they_were():
    odd = {
        "nan": float("nan"),
        "null": None,
        "bytes": b"\x01",
        "nested": {"a": [None, float("-inf")]},
        "time": sample.START,
        "decimal": Decimal("1.10"),
        "pairs": [("k", 1.0)],
    }
    worst = WorstRow("prod", {"id": 1}, None, float("nan"), 0.5, None, odd, "replay row x", kind="non_finite")
    data = ReportData(sample.clean_data().summary, (), (worst,))
    saved = json.loads(data.to_json(), parse_constant=pytest.fail)["worst_rows"][0]
    assert saved["features"]["nan"] == "NaN"
    assert saved["features"]["null"] is None
    text = render_html(data)
    assert render_html(ReportData.from_json(data.to_json())) == text
    for shown in (
        ">NaN<",
        ">null<",
        ">01<",
        ">[a: [null, -Infinity]]<",
        ">2026-11-20T17:00:00Z<",
        ">1.10<",
        "NaN → 0.5",
    ):
        assert shown in text, shown


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"summary": {}, "rows": [], "worst_rows": []}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(UsageError, match="run"):
        ReportData.from_json(text)


def test_a_row_that_is_too_short_is_refused():
    data = sample.clean_data().to_dict()
    data["rows"]["values"][0].pop()
    with pytest.raises(UsageError, match="not the data of a report"):
        ReportData.from_dict(data)
