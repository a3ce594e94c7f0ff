"""A config and its table fit, or everything of a kind that does not is told at once. Local Parquet needs no Spark."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay
from replay.checkpoints import Checkpoint, Signature, TensorSpec
from replay.config import CheckpointConfig, ReplayConfig, build_config
from replay.errors import ConfigError, Problem, TrafficError
from replay.flows.stages import fit as module
from replay.flows.stages.fit import Fitted, fit
from replay.scoring import PREFLIGHT_ROWS
from tests.flows.case import LOCAL_SESSION, config_data, make_table, write_case

OPS = """
class Half:
    def apply(self, values, draw):
        return values.slice(0, len(values) // 2)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two files, of which the first has 10 rows and the second 90."""
    table = make_table(rows=100)
    (tmp_path / "traffic").mkdir()
    pq.write_table(table.slice(0, 10), tmp_path / "traffic" / "a.parquet")
    pq.write_table(table.slice(10), tmp_path / "traffic" / "b.parquet")
    return tmp_path


def config(directory: Path, **changes: Any) -> ReplayConfig:
    return build_config(config_data(**changes), str(directory))


def fitted(directory: Path, **changes: Any) -> Fitted:
    return fit(config(directory, **changes), LOCAL_SESSION, {}, ExitStack())


def problems(directory: Path, checkpoints: Any = None, **changes: Any) -> list[Problem]:
    given = config(directory, **changes)
    with pytest.raises(ConfigError) as caught:
        fit(given, LOCAL_SESSION, checkpoints or {}, ExitStack())
    return list(caught.value.problems)


def test_what_fits_is_known_before_anything_is_scored(directory: Path):
    found = fitted(directory, scenarios={"dose": [{"op": "nulls", "features": ["x0"], "rate": [0.1, 0.5]}]})
    assert found.features == ("x0", "x1", "x2", "item")
    assert set(found.role_types) == {"request_id", "event_time", "online_score", "label", "surface"}
    assert found.role_types["label"] == pa.int32()
    assert [scenario.name for scenario in found.scenarios] == ["dose@0.1", "dose@0.5"]
    assert (found.inputs.place, found.donors) == (None, None)
    assert (found.plan.reader, found.plan.num_rows) == ("direct", 100)
    assert found.config == config(
        directory, scenarios={"dose": [{"op": "nulls", "features": ["x0"], "rate": [0.1, 0.5]}]}
    )


def test_only_columns_that_something_names_are_read(directory: Path):
    """In the order of the table: no column is read that no input, role or route names."""
    bare = {"traffic__label": None, "traffic__segments": []}
    assert fitted(directory, **bare).plan.columns == (
        "request_id",
        "event_time",
        "x0",
        "x1",
        "x2",
        "item",
        "online_score",
    )
    routed = {"prod": {"path": "prod.pt2"}, "ramp": {"route": {"prod": 1.0}, "by": ["surface"]}}
    columns = fitted(directory, **bare, checkpoints=routed, baseline="prod").plan.columns
    assert columns == ("request_id", "event_time", "x0", "x1", "x2", "item", "surface", "online_score")


def test_the_sample_is_the_first_rows_that_the_tasks_would_read(directory: Path):
    sample = fitted(directory).sample
    assert 10 < sample.num_rows <= PREFLIGHT_ROWS
    assert sample.column("request_id").to_pylist() == [f"r{place:06}" for place in range(sample.num_rows)]


def test_commits_smaller_than_a_split_want_smaller_splits(directory: Path):
    (directory / "traffic" / "a.parquet").unlink()
    pq.write_table(make_table(rows=100), directory / "traffic" / "b.parquet", row_group_size=20)
    assert [split.num_rows for split in fitted(directory).plan.splits] == [100]
    cut = fitted(directory, engine={"commit_rows": 40}).plan.splits
    assert sum(split.num_rows for split in cut) == 100
    assert max(split.num_rows for split in cut) <= 40


def test_columns_features_and_checkpoints_that_do_not_fit_are_told_together(directory: Path):
    signature = Signature(
        (TensorSpec("dense", "float32", ("s0", 7)), TensorSpec("item", "int64", ("s0",))), (), "tensor"
    )
    own = CheckpointConfig(path="prod.pt2")
    checkpoint = Checkpoint("prod", "prod.pt2", "torch.export", "sha", (), own, "", 0, {}, (), signature=signature)
    inputs = [
        {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0},
        {"name": "item", "dtype": "int64", "feature": "itm"},
    ]
    found = problems(
        directory,
        {"prod": checkpoint},
        traffic__score="online_scor",
        traffic__segments=["surfce"],
        model__inputs=inputs,
    )
    paths = [problem.path for problem in found]
    assert paths[:2] == ["traffic.score", "traffic.segments[0]"]
    assert any(path.startswith("model.inputs[1]") for path in paths)
    assert {problem.exit_code for problem in found[:3]} == {3}
    assert "did you mean `online_score`?" in found[0].message


def test_a_checkpoint_that_wants_other_inputs_is_told(directory: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def check_inputs(checkpoint: str, _: Any) -> list[Problem]:
        asked.append(checkpoint)
        return [Problem(f"{checkpoint} wants 7 columns", "model.inputs[0]")]

    monkeypatch.setattr(module, "check_inputs", check_inputs)
    found = problems(directory, {"prod": "first", "next": "second"}, traffic__score="online_scor")
    assert [problem.message for problem in found[1:]] == ["first wants 7 columns", "second wants 7 columns"]
    assert asked == ["first", "second"]


def test_scenarios_that_fit_nothing_are_told_once_each(directory: Path):
    """A list of rates makes several scenarios of one mistake."""
    scenarios = {
        "typo": [{"op": "nulls", "features": ["x9"], "rate": [0.1, 0.5]}],
        "fine": [{"op": "nulls", "features": ["x0"]}],
        "other": [{"op": "noise", "features": ["x0", "xx"], "std": 0.5}],
    }
    found = problems(directory, scenarios=scenarios)
    assert [problem.path.partition("[")[0] for problem in found] == ["scenarios.typo", "scenarios.other"]


def test_a_perturbation_of_ones_own_is_tried_on_the_sample(directory: Path, modules_forgotten: None):
    (directory / "half_ops.py").write_text(OPS)
    rows = fitted(directory).sample.num_rows
    (problem,) = problems(directory, scenarios={"own": [{"op": "half_ops.py:Half", "features": ["x0"]}]})
    assert problem.path.startswith("scenarios.own[0]")
    assert f"returned {rows // 2} values, expected a pyarrow array of {rows} values" in problem.message


def test_spark_s_rows_are_sampled_where_only_spark_reads(directory: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []

    class Scan:
        def limit(self, rows: int) -> Scan:
            asked.append(rows)
            return self

        def toArrow(self) -> pa.Table:  # noqa: N802
            return make_table(rows=3)

    monkeypatch.setattr(module, "scan_dataframe", lambda *_: Scan())
    found = fitted(directory, engine={"reader": "spark"})
    assert found.plan.reader == "spark"
    assert found.sample.num_rows == 3
    assert asked == [PREFLIGHT_ROWS]


def test_without_a_row_the_check_of_the_traffic_says_why(directory: Path, monkeypatch: pytest.MonkeyPatch):
    """It knows which condition left none; where it has no objection, the table is empty."""

    def says(spark: Any, traffic: Any, _config: Any) -> None:
        raise TrafficError(f"nothing of {traffic.location} is selected")

    for file in (directory / "traffic").iterdir():
        pq.write_table(make_table(rows=4).slice(0, 0), file)
    monkeypatch.setattr(module, "check_traffic", says)
    with pytest.raises(TrafficError, match=r"nothing of .*traffic is selected"):
        fitted(directory)
    monkeypatch.setattr(module, "check_traffic", lambda *_: None)
    with pytest.raises(TrafficError, match="has no rows: expected logged traffic"):
        fitted(directory)


@pytest.mark.spark
def test_a_window_without_rows_is_refused(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table)
    with pytest.raises(TrafficError, match="2025-11-20"):
        replay.run(config, overrides=["traffic.window.start=2030-01-01T00:00:00Z"])
