"""A scheduler's hour: killed, and tried again when the clock has moved on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.config import run_start
from replay.errors import RunFailed
from replay.scoring.table import waves
from tests.flows.case import write_case

pytestmark = pytest.mark.spark

# Rows lie from 10:00 to 10:06:40, ten a second.
FIRST_TRY = datetime(2025, 11, 20, 10, 5, 30, tzinfo=UTC)
SECOND_TRY = datetime(2025, 11, 20, 10, 8, 0, tzinfo=UTC)
WINDOW = {"start": "2025-11-20T10:00:30Z", "end": "2025-11-20T10:05:30Z"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    return lambda moment: monkeypatch.setattr(run_start, "clock", lambda: moment)


def test_a_retry_gives_the_window_of_the_first_try(
    spark: SparkSession,
    table: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: Callable[[datetime], None],
):
    config = write_case(tmp_path, table, traffic__window={"last": "5min"}, output="out/{window.start:%Y/%m/%dT%H}")
    append = waves.append_files

    def dies(*given: Any, **more: Any) -> None:
        append(*given, **more)
        raise RunFailed("killed")

    at(FIRST_TRY)
    with monkeypatch.context() as patched:
        patched.setattr(waves, "append_files", dies)
        with pytest.raises(RunFailed, match="killed"):
            replay.run(config)
    output = tmp_path / "out/2025/11/20T10"
    begun = json.loads((output / "manifest.json").read_text())
    assert begun["window"] == {"last": "5min", "ending": "now", "resolved": "2025-11-20T10:05:30Z"}
    assert begun["config"]["traffic"]["window"] == WINDOW

    at(SECOND_TRY)
    result = replay.run(config)
    assert result.output == str(output)
    assert result.summary.rows == 3_000
    assert json.loads((output / "manifest.json").read_text())["run_id"] == begun["run_id"]
    summary = json.loads((output / "summary.json").read_text())
    assert summary["traffic"]["window"] == WINDOW
    assert summary["traffic"]["rolling"] == {
        "last": "5min",
        "ending": "now",
        "delay": None,
        "resolved": "2025-11-20T10:05:30Z",
    }
    assert "the last 5min, as of 2025-11-20 10:05:30 UTC" in (output / "report.html").read_text()
