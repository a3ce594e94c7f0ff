from __future__ import annotations

import json
from datetime import UTC

import pytest

from replay.errors import UsageError
from replay.report.data import ReportData, picture_rows
from replay.report.html import render_html
from tests.report import sample


def test_report_data_survives_json():
    data = sample.burst_data()
    again = ReportData.from_json(data.to_json())
    assert again == data
    assert all(row.bucket is None or row.bucket.tzinfo is UTC for row in again.rows)
    assert render_html(again) == render_html(data)


def test_only_rows_that_are_drawn_are_saved():
    extra = [
        sample.metric("prod", "ne", 0.8, 10, against=None, bucket=sample.START),
        sample.metric("prod", "mismatch_rate", 0.8, 10, against="baseline", bucket=sample.START),
        sample.metric("prod", "mismatch_rate", 0.8, 10, where="surface=home", bucket=sample.START),
        sample.metric("prod", "auc", 0.8, 10, against=None),
    ]
    data = sample.burst_data()
    assert picture_rows(data.rows) == data.rows
    assert picture_rows([*data.rows, *extra]) == data.rows


def test_features_of_any_kind_become_json():
    (row, *_) = sample.worst_rows("prod", 1)
    odd = {"nan": float("nan"), "bytes": b"\x01", "nested": {"a": [None, 1]}, "time": sample.START}
    data = ReportData(sample.clean_data().summary, (), (type(row)("prod", {"id": 1}, None, None, 0.5, None, odd, "x"),))
    saved = json.loads(data.to_json(), parse_constant=pytest.fail)["worst_rows"][0]["features"]
    assert saved == {"nan": None, "bytes": "01", "nested": {"a": [None, 1]}, "time": "2026-11-20T17:00:00Z"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"summary": {}, "rows": [], "worst_rows": []}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(UsageError, match="run"):
        ReportData.from_json(text)


def test_a_row_that_is_too_short_is_refused():
    data = sample.clean_data().to_dict()
    data["rows"]["values"][0].pop()
    with pytest.raises(UsageError, match="not the data of a report"):
        ReportData.from_dict(data)
