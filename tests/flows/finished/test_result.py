"""What a run left, as files and as an object."""

from __future__ import annotations

import json
import subprocess
import sys
import webbrowser
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import replay
from replay.errors import UsageError
from replay.flows.finished.result import RunResult, open_run, render_results
from replay.report.html.render import render_html
from replay.report.run_verdict import verdict_of
from replay.report.summary.data import ReportData
from tests.flows.finished.complete import sample_data
from tests.report.everything import everything_data


def test_the_files_hold_what_the_result_does():
    data = sample_data()
    same, files = render_results(data, "/out")
    assert same is data
    assert sorted(files) == ["report.html", "report.json", "summary.json", "verdict.json"]
    assert json.loads(files["summary.json"]) == data.summary.to_dict()
    assert ReportData.from_json(files["report.json"]) == data
    assert files["report.html"] == render_html(data)
    assert files["verdict.json"] == verdict_of(data, "/out/report.html").to_json()


def test_a_page_that_cannot_be_drawn_costs_no_number(monkeypatch: pytest.MonkeyPatch):
    def fail(data: ReportData) -> str:
        raise OverflowError("date value <out> of range")

    monkeypatch.setattr("replay.flows.finished.result.render_html", fail)
    data, files = render_results(sample_data(), "/out")
    assert data.summary.warnings[-1] == (
        "the report could not be drawn (OverflowError: date value <out> of range); all else is in summary.json"
    )
    assert json.loads(files["summary.json"]) == data.summary.to_dict()
    assert ReportData.from_json(files["report.json"]) == data
    assert "OverflowError: date value &lt;out&gt; of range" in files["report.html"]


def test_the_summary_is_that_of_the_data():
    data = sample_data()
    assert RunResult(data, "/out", "/out/report.html").summary is data.summary


AT = datetime(2026, 11, 20, 18, tzinfo=UTC)


def write_table(path: Path, table: pa.Table) -> None:
    """A Delta table of one file, as its protocol has it."""
    log = path / "_delta_log"
    log.mkdir(parents=True)
    pq.write_table(table, path / "part-0.parquet")
    (log / f"{0:020}.json").write_text(
        json.dumps({"metaData": {"partitionColumns": [], "configuration": {}}})
        + "\n"
        + json.dumps({"add": {"path": "part-0.parquet"}})
        + "\n"
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves, as far as a program looks at it: a scenario touched the second row of three."""
    output = tmp_path_factory.mktemp("out")
    data = everything_data()
    prod = data.summary.variants["prod"]
    variants = {"prod": prod, "prod/null": replace(prod, scenario="null")}
    data = replace(data, summary=replace(data.summary, variants=variants))
    for name, text in render_results(data, str(output))[1].items():
        (output / name).write_text(text)
    scores = {"id": [1, 2, 3], "prod": [0.1, 0.2, None], "prod/null": [None, 0.5, None]}
    write_table(output / "scores", pa.table(scores))
    rows = {
        "variant": ["prod", "prod"],
        "against": [None, "online"],
        "slice": ["all", "all"],
        "bucket": pa.array([None, AT], pa.timestamp("us", "UTC")),
        "metric": ["auc", "mismatch_rate"],
        "value": [0.75, None],
        "low": [0.7, None],
        "high": [0.8, None],
        "rows": [3, 0],
        "reason": [None, "no rows"],
    }
    write_table(output / "metrics", pa.table(rows))
    return output


def test_a_finished_run_is_opened_as_it_is(output: Path):
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    for result in (open_run(output), RunResult.load(str(output)), replay.open_run(output)):
        assert result.summary.to_dict() == json.loads((output / "summary.json").read_text())
        assert result.report_path == f"{output}/report.html"
        assert result.incidents == result.summary.incidents
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before
    with pytest.raises(UsageError, match="no such directory, expected the output of a finished run"):
        open_run(output / "nothing")


def test_it_prints_as_a_few_lines(output: Path):
    result = open_run(output)
    assert str(result) == repr(result)
    lines = str(result).splitlines()
    assert len(lines) <= 12
    assert lines[-1] == f"report      {output}/report.html"
    assert str(result.incidents[0]) in str(result)


def test_a_notebook_shows_a_box(output: Path):
    text = open_run(output)._repr_html_()
    assert text.startswith('<div class="replay-card differs">')
    assert f"{output}/report.html" in text


def test_scores_are_filled_with_those_of_the_checkpoint(output: Path):
    result = open_run(output)
    assert result.to_arrow().to_pydict() == {"id": [1, 2, 3], "prod": [0.1, 0.2, None], "prod/null": [0.1, 0.5, None]}
    frame = result.to_pandas()
    assert list(frame.columns) == ["id", "prod", "prod/null"]
    assert frame["prod/null"].tolist()[:2] == [0.1, 0.5]


def test_metrics_are_the_whole_table(output: Path):
    result = open_run(output)
    auc, rate = result.metrics
    assert (auc.variant, auc.bucket, auc.value, auc.rows) == ("prod", None, 0.75, 3)
    assert (rate.bucket, rate.value, rate.reason) == (AT, None, "no rows")
    assert result.metrics is result.metrics
    assert result.metrics.to_pandas()["metric"].tolist() == ["auc", "mismatch_rate"]


def test_the_report_opens_in_a_browser(output: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    open_run(output).open()
    assert opened == [(output / "report.html").as_uri()]
    for path in ("s3a://bucket/out/report.html", "/nowhere/report.html"):
        with pytest.raises(UsageError, match="no file on this machine"):
            replace(open_run(output), report_path=path).open()


def test_spark_is_not_even_imported(output: Path):
    code = (
        f"import sys, replay\nresult = replay.open_run({str(output)!r})\n"
        "print(result, result._repr_html_(), result.metrics, result.to_pandas(), file=sys.stderr)\n"
        "print(sorted({'pyspark', 'py4j', 'delta'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
