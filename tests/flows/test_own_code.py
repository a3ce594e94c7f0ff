"""Code of the user's that is edited between two runs of one process and one Spark session, whose workers live on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.config import load_config
from replay.errors import RunFailed
from replay.flows.row import explain_row
from replay.store import append_files
from tests.flows.case import config_data
from tests.flows.factories import OPS, furthest, scaled_scores, scores_of, write_own_case

pytestmark = pytest.mark.spark


def test_an_edited_helper_is_another_run_with_other_scores(spark: SparkSession, tmp_path: Path):
    helper = tmp_path / "own_layers.py"
    config, table = write_own_case(tmp_path, helper.stem, "own_models:build")
    first = replay.run(config)
    assert furthest(scores_of(first), scaled_scores(table, 1.0)) < 1e-6
    before = json.loads((tmp_path / "out" / "manifest.json").read_text())

    helper.write_text("SCALE = 2.0\n")
    second = replay.run(config)
    assert second.summary.run_id != first.summary.run_id
    assert furthest(scores_of(second), scaled_scores(table, 2.0)) < 1e-6
    row = explain_row(load_config(config), {"request_id": "r000007"})
    assert row.replayed["prod"] == pytest.approx(scaled_scores(table, 2.0)["r000007"], abs=1e-6)

    # The manifest says why: of all that the id stands for, one hash is another.
    after = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {name for name in before if before[name] != after[name]} == {"run_id", "sources", "started", "finished"}
    sources = [entry["sources"]["checkpoints.prod"] for entry in (before, after)]
    assert set(sources[0]) == {"own_models", "own_layers", "torch"}
    assert {name for name in sources[0] if sources[0][name] != sources[1][name]} == {"own_layers"}

    helper.write_text("SCALE = 1.0\n")
    assert replay.run(config, output=str(tmp_path / "afresh")).summary.run_id == first.summary.run_id


def test_an_edited_perturbation(spark: SparkSession, tmp_path: Path):
    steps: Any = {"shifted": [{"op": "own_ops.py:Shift", "features": ["x0"]}]}
    config, table = write_own_case(tmp_path, "own_layers_ops", "own_models_ops:build", scenarios=steps)
    (tmp_path / "own_ops.py").write_text(OPS.format(helper="own_shifts"))
    ids = []
    for shift in (1.0, 3.0):
        (tmp_path / "own_shifts.py").write_text(f"SHIFT = {shift}\n")
        result = replay.run(config)
        ids.append(result.summary.run_id)
        assert furthest(scores_of(result), scaled_scores(table, 1.0)) < 1e-6
        assert furthest(scores_of(result, "`prod/shifted`"), scaled_scores(table, 1.0, shift)) < 1e-6
    assert ids[0] != ids[1]


def test_an_unfinished_run_whose_code_changed_keeps_its_traffic_alone(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from replay.scoring.table import waves

    config, table = write_own_case(tmp_path, "own_layers_cut", "own_models_cut:build")
    traffic = str(tmp_path / "delta")
    spark.createDataFrame(table).coalesce(1).write.format("delta").save(traffic)

    def commits_and_dies(*commit: Any, **more: Any) -> None:
        append_files(*commit, **more)
        raise RunFailed("killed")

    overrides = [f"traffic.path={traffic}"]
    monkeypatch.setattr(waves, "append_files", commits_and_dies)
    with pytest.raises(RunFailed, match="killed"):
        replay.run(config, overrides=overrides)
    monkeypatch.undo()
    spark.createDataFrame(table.slice(0, 3)).coalesce(1).write.format("delta").mode("overwrite").save(traffic)
    (tmp_path / "own_layers_cut.py").write_text("SCALE = 2.0\n")
    result = replay.run(config, overrides=overrides)
    assert furthest(scores_of(result), scaled_scores(table, 2.0)) < 1e-6
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["traffic"]["delta_version"] == 0


def test_score_never_uses_old_code(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, table = write_own_case(tmp_path, "own_layers_df", "own_models_df:build")
    checkpoint = {"path": str(tmp_path / "prod.pt"), "factory": f"{tmp_path}/own_models_df.py:build"}
    dataframe = spark.read.parquet(str(tmp_path / "traffic"))

    def scored() -> Any:
        return replay.score(dataframe, checkpoint, config_data()["model"])

    def collected(frame: Any) -> dict[str, float]:
        return {row.request_id: row.score for row in frame.collect()}

    before = scored()
    assert furthest(collected(before), scaled_scores(table, 1.0)) < 1e-6
    (tmp_path / "own_layers_df.py").write_text("SCALE = 2.0\n")
    assert furthest(collected(scored()), scaled_scores(table, 2.0)) < 1e-6
    with pytest.raises(Exception, match=r"`own_layers_df` is .* where rows are scored"):
        before.collect()


def test_a_vocabulary_counts_by_its_content(spark: SparkSession, tmp_path: Path):
    vocabulary = tmp_path / "items.json"
    model = config_data()["model"]
    model["inputs"][1] |= {"vocabulary": "items.json"}
    config, table = write_own_case(tmp_path, "own_layers_voc", "own_models_voc:build", model=model)
    ids = []
    for turned in (False, True):
        vocabulary.write_text(json.dumps({str(item): 9 - item if turned else item for item in range(10)}))
        result = replay.run(config)
        ids.append(result.summary.run_id)
        items = pa.array([9 - item if turned else item for item in table["item"].to_pylist()])
        expected = scaled_scores(table.set_column(table.schema.get_field_index("item"), "item", items), 1.0)
        assert furthest(scores_of(result), expected) < 1e-6
    assert ids[0] != ids[1]
