"""Checkpoints that read rows by contracts of their own, through every command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.sql import SparkSession

import replay
from replay.config import load_config
from replay.errors import ConfigError
from replay.flows.finished.result import RunResult
from replay.flows.row import explain_row
from tests.scoring.two_contracts import FIRST, PROD, rows, scored, two_contracts, write_checkpoints

pytestmark = pytest.mark.spark

ROWS = rows(3000)
BURST = slice(1200, 1500)
"""Rows that the other checkpoint answered."""


def write_case(folder: Path, **more: object) -> Path:
    """Traffic that `prod` answered, but for a burst that `l1` did; a config with both."""
    write_checkpoints(folder)
    (folder / "l1_model.yaml").write_text(yaml.safe_dump({"model": FIRST}))
    found = scored(two_contracts(folder), ROWS)
    online = found["prod"].to_numpy().copy()
    online[BURST] = found["l1"].to_numpy()[BURST]
    place = ROWS.schema.get_field_index("score")
    (folder / "traffic").mkdir()
    logged = pa.Table.from_batches([ROWS]).set_column(place, "score", pa.array(online))
    pq.write_table(logged, folder / "traffic" / "rows.parquet", row_group_size=500)
    config = {
        "version": 1,
        "traffic": {"path": "traffic", "key": ["id"], "time": "at", "score": "score", "label": "label"},
        "model": PROD,
        "checkpoints": {
            "prod": {"path": "prod.pt", "factory": "two.py:Prod"},
            "l1": {"path": "l1.pt", "factory": "two.py:First", "model": "l1_model.yaml"},
        },
        "scenarios": {"nulls": [{"op": "nulls", "families": ["counts"], "rate": 0.4}]},
        "baseline": "prod",
        "scenario_checkpoints": ["prod", "l1"],
        "output": "out",
        **more,
    }
    (folder / "replay.yaml").write_text(yaml.safe_dump(config))
    return folder / "replay.yaml"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def diagnosed(spark: SparkSession, case: Path) -> RunResult:
    return replay.diagnose(str(case))


def test_a_run_scores_as_the_pure_core_does(diagnosed: RunResult, case: Path):
    expected = scored(load_config(case), ROWS).sort_by("id")

    found = diagnosed.scores.orderBy("id").toArrow()

    for name in ("prod", "l1", "prod/nulls", "l1/nulls"):
        filled = expected[name].to_numpy()
        if "/" in name:
            filled = np.where(expected[name].is_null(), expected[name.split("/")[0]].to_numpy(), filled)
        np.testing.assert_array_equal(found[name].to_numpy(), filled)


def test_a_burst_that_a_checkpoint_of_another_contract_answered_is_put_down_to_it(diagnosed: RunResult):
    (incident,) = diagnosed.summary.incidents

    assert (incident.rows, incident.mismatched) == (300, 300)
    assert [(cause.kind, cause.checkpoint) for cause in incident.causes] == [("checkpoint", "l1")]


def test_the_manifest_has_the_contract_and_a_second_run_is_the_first(diagnosed: RunResult, case: Path):
    manifest = json.loads((case.parent / "out" / "manifest.json").read_text())

    assert [entry["name"] for entry in manifest["config"]["checkpoints"]["l1"]["model"]["inputs"]] == [
        "dense", "seen", "seen_mask"
    ]  # fmt: skip
    assert [entry["name"] for entry in manifest["config"]["model"]["inputs"]] == ["dense", "ids"]
    assert replay.diagnose(str(case)).summary.run_id == diagnosed.summary.run_id


def test_a_row_is_shown_as_each_model_gets_it(spark: SparkSession, case: Path):
    explained = explain_row(load_config(case), {"id": "7"})

    row = ROWS.slice(7, 1).to_pylist()[0]
    dense = [row[name] if row[name] is not None else 0.0 for name in "ab"]
    assert explained.tensors["dense"] == pytest.approx(dense)
    own = [row[name] if row[name] is not None else -1.0 for name in "bac"]
    assert explained.tensors["l1/dense"] == pytest.approx(own)
    assert set(explained.tensors) == {"dense", "ids", "l1/dense", "l1/seen", "l1/seen_mask"}
    assert set(explained.features) == {"a", "b", "c", "item", "seen"}


def test_validate_rehearses_every_contract(spark: SparkSession, case: Path):
    rehearsed = replay.validate(str(case)).rehearsal

    assert rehearsed is not None
    assert [entry.name for entry in rehearsed.inputs] == ["dense", "ids", "l1/dense", "l1/seen", "l1/seen_mask"]
    assert {name: scores.problem for name, scores in rehearsed.scores.items()} == {"prod": None, "l1": None}


def test_what_does_not_fit_the_table_is_told_where_the_contract_stands(spark: SparkSession, tmp_path: Path):
    path = write_case(tmp_path)
    wrong = {**FIRST, "inputs": [{**FIRST["inputs"][0], "features": ["b", "a", "cc"]}, *FIRST["inputs"][1:]]}
    (tmp_path / "l1_model.yaml").write_text(yaml.safe_dump({"model": wrong}))

    with pytest.raises(ConfigError) as told:
        replay.run(str(path))

    (problem,) = told.value.problems
    assert problem.path == "checkpoints.l1.model.inputs[0].features[2]"
    assert "`cc`" in problem.message
