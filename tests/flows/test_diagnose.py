"""``replay.diagnose``: the run that also searches, with the config from a file or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame

import replay
from replay.config import ReplayConfig, load_config
from replay.errors import ConfigError
from replay.flows import diagnose as module
from replay.flows.options import Options
from replay.report.terminal.progress import Progress, make_progress
from tests.flows.case import config_data, expected_scores, make_table, write_case


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump(config_data()))
    (tmp_path / "traffic").mkdir()
    (tmp_path / "prod.pt2").touch()
    return tmp_path / "replay.yaml"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the run was given, instead of a run."""
    given: list[dict[str, Any]] = []

    def replay_window(config: ReplayConfig, options: Options, progress: Progress, **more: Any) -> str:
        given.append({"config": config, "options": options, "progress": progress, **more})
        return "result"

    monkeypatch.setattr(module, "replay_window", replay_window)
    return given


def test_a_file_is_loaded_with_what_was_set_and_where_to_write(path: Path, ran: list[dict[str, Any]]):
    assert replay.diagnose(path, overrides=["diagnosis.budget=7"], output="elsewhere") == "result"
    (given,) = ran
    assert given["config"].diagnosis.budget == 7
    assert Path(given["config"].output).name == "elsewhere"
    assert given["diagnosing"] is True
    assert given["overwrite"] is False
    assert given["options"] == Options()


def test_a_config_is_taken_as_it_is(path: Path, ran: list[dict[str, Any]]):
    config, options = load_config(path), Options(master="local[1]")
    progress = make_progress(quiet=True)
    replay.diagnose(config, overwrite=True, options=options, progress=progress)
    (given,) = ran
    assert given["config"] is config
    assert given["options"] is options
    assert given["progress"] is progress
    assert given["overwrite"] is True


def test_without_a_time_nothing_is_prepared(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Told at once, not after the scoring."""
    monkeypatch.setattr("replay.flows.run.prepare", lambda *_, **__: pytest.fail("prepared"))
    with pytest.raises(ConfigError) as caught:
        replay.diagnose(path, overrides=["traffic.time=null"])
    (problem,) = caught.value.problems
    assert problem.path == "traffic.time"
    assert "`diagnose` looks for stretches of time" in problem.message


@pytest.mark.spark
def test_no_row_goes_through_spark_sql(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Groups, entities, slices, rejected rows, a second pass: all of it by tasks that read files."""
    table = outage_table()
    table = table.append_column("user", pa.array([f"u{row // 3}" for row in range(table.num_rows)]))
    config = write_case(
        tmp_path,
        table,
        traffic__group="user",
        traffic__entity="user",
        diff__tolerance="auto",
        engine={"max_rejected": 0.5},
        model__inputs=[
            {"name": "dense", "dtype": "float32", "features": ["x0", "x1", "x2"], "missing": {"x0": 0.0, "x2": 0.0}},
            {"name": "item", "dtype": "int64", "feature": "item"},
        ],
        scenarios={"nulls": [{"op": "nulls", "features": ["x2"], "rate": 0.2}]},
    )
    for name in ("toArrow", "collect", "count", "toPandas", "mapInArrow"):
        monkeypatch.setattr(DataFrame, name, lambda *_, name=name: pytest.fail(f"Spark was asked: {name}"))
    done = replay.diagnose(config, quiet=True)
    assert [incident.mismatched > 100 for incident in done.incidents] == [True]
    compared = done.summary.variants["prod/nulls"].vs_baseline
    assert compared is not None
    assert compared.rank is not None
    assert 1_000 < compared.rank.groups < 1_334
    assert list(done.summary.reconciliation.rejected_by_feature) == ["x1"]


def outage_table() -> pa.Table:
    """For a stretch in the middle, online scored without x0."""
    table = make_table()
    place = table.schema.get_field_index("x0")
    without = expected_scores(table.set_column(place, "x0", pa.array(np.zeros(table.num_rows), pa.float32())))
    scores, burst = expected_scores(table), slice(2_000, 2_400)
    scores[burst] = without[burst]
    return table.set_column(table.schema.get_field_index("online_score"), "online_score", pa.array(scores))
