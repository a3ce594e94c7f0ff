"""``replay validate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.cli.command_line import replay
from tests.flows.case import ROWS


def test_a_misspelt_key_names_its_line_and_the_nearest(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = case.read_text().replace("segments:", "segmnets:")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    assert replay("validate", wrong) == 2
    line = next(number for number, one in enumerate(text.splitlines(), start=1) if "segmnets" in one)
    err = capsys.readouterr().err
    assert f"wrong.yaml:{line}:" in err
    assert "segments" in err


@pytest.mark.spark
def test_a_missing_column_is_refused_traffic(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("validate", case, "--set", "traffic.score=online_scor") == 3
    assert "online_score" in capsys.readouterr().err


@pytest.mark.spark
def test_validate_says_what_a_run_would_do(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("validate", case, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["rows_read"], found["reader"]) == (ROWS, ROWS, "direct")
    assert not (case.parent / "out").exists()
