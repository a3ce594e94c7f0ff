"""What a run left, as files and as an object."""

from __future__ import annotations

import json

from replay.flows.finished.result import RunResult, render_results
from replay.report.html.render import render_html
from replay.report.summary.data import ReportData
from tests.flows.finished.complete import sample_data


def test_the_files_hold_what_the_result_does():
    data = sample_data()
    files = render_results(data)
    assert sorted(files) == ["report.html", "report.json", "summary.json"]
    assert json.loads(files["summary.json"]) == data.summary.to_dict()
    assert ReportData.from_json(files["report.json"]) == data
    assert files["report.html"] == render_html(data)


def test_the_summary_is_that_of_the_data():
    data = sample_data()
    assert RunResult(data, "/out", "/out/report.html").summary is data.summary
