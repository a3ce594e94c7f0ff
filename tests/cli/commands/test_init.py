"""``replay init``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.cli.command_line import replay


@pytest.mark.spark
def test_init_drafts_a_config_that_loads(
    spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    target = tmp_path / "draft.yaml"
    arguments = ("init", "--traffic", case.parent / "traffic", "--checkpoint", case.parent / "prod.pt2", "-o", target)
    assert replay(*arguments) == 0
    assert "request_id" in target.read_text()
    assert replay(*arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
