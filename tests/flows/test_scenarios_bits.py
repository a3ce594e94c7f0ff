"""The same scenarios over the same rows give the same bits, however the work is cut."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.errors import RunFailed
from replay.scoring.table import waves
from tests.flows.case import make_table, write_case

pytestmark = pytest.mark.spark

ROWS = 1_500
SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "dose": [{"op": "nulls", "features": ["x*"], "rate": [0.1, 0.5]}],
    "jitter": [{"op": "noise", "families": ["dense"], "std": 0.3, "rate": 0.4}],
    "flipped": [{"op": "bitflip", "features": ["x0", "x2"], "rate": 0.3}],
    "shuffled": [{"op": "shuffle", "features": ["item"], "families": ["dense"], "rate": 0.3}],
    "two_steps": [
        {"op": "scale", "features": ["x1"], "factor": 3},
        {
            "op": "constant",
            "features": ["item"],
            "value": 3,
            "rate": 0.5,
            "window": {"start": "2025-11-20T10:00:30Z", "end": "2025-11-20T10:02:00Z"},
        },
    ],
}
SIDE: dict[str, list[dict[str, Any]]] = {
    "late": [{"op": "stale", "features": ["x0", "item"], "lag": "10s"}],
    "home": [{"op": "nulls", "features": ["x2"], "rate": 0.5, "where": "surface = 'home'"}],
}


def table() -> pa.Table:
    rows = make_table(ROWS)
    users = np.random.default_rng(9).integers(0, 40, ROWS)
    return rows.append_column("user_id", pa.array([f"u{user}" for user in users]))


def changes(scenarios: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "scenarios": scenarios,
        "model__families": {"dense": ["x0", "x2"]},
        "model__inputs": [
            {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0},
            {"name": "item", "dtype": "int64", "feature": "item", "missing": 7},
        ],
        "traffic__entity": "user_id",
        "checkpoints__flipped": {"from": "prod", "noise": 0.1},
        "checkpoints__ramp": {"route": {"prod": 0.7, "flipped": 0.3}, "by": ["user_id"]},
        "scenario_checkpoints": ["prod", "ramp"],
        **more,
    }


def scores(spark: SparkSession, config: Path, keys: list[str] | None = None) -> dict[str, bytes]:
    """The scores table as written, sorted by key: the bytes of every column, and of its nulls."""
    result = replay.run(config)
    found = spark.read.format("delta").load(str(Path(result.output, "scores"))).toArrow().sort_by("request_id")
    assert found["request_id"].to_pylist() == (keys or sorted(table()["request_id"].to_pylist()))
    variants = result.summary.variants
    return {
        name: found[name].is_valid().to_numpy().tobytes()
        + found[name].combine_chunks().fill_null(0).to_numpy().tobytes()
        for name in variants
    }


@pytest.fixture(scope="module")
def one_file(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    config = write_case(tmp_path_factory.mktemp("one"), table(), files=1, **changes(SCENARIOS))
    return scores(spark, config)


def test_in_seven_files_in_another_order_of_rows_and_scenarios(
    spark: SparkSession, one_file: dict[str, bytes], tmp_path: Path
):
    """Seven files make seven tasks, over the two slots of the session."""
    shuffled = table().take(pa.array(np.random.default_rng(3).permutation(ROWS)))
    config = write_case(tmp_path, shuffled, files=7, **changes(dict(reversed(SCENARIOS.items()))))
    found = scores(spark, config)
    assert found == one_file


def test_a_killed_run_goes_on_with_the_same_bits(
    spark: SparkSession, one_file: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = write_case(tmp_path, table(), files=3, **changes(SCENARIOS, engine={"commit_rows": 500}))
    append = waves.append_files

    def dies_at_the_second(
        path: str, schema: pa.Schema, files: Any, run_id: str, wave: int, indexed: int, **more: Any
    ) -> None:
        if wave == 1:
            raise RunFailed("killed")
        append(path, schema, files, run_id, wave, indexed, **more)

    monkeypatch.setattr(waves, "append_files", dies_at_the_second)
    with pytest.raises(RunFailed, match="killed"):
        replay.run(config)
    monkeypatch.setattr(waves, "append_files", append)
    assert scores(spark, config) == one_file
    commits = spark.sql(f"DESCRIBE HISTORY delta.`{tmp_path}/out/scores`").count()
    assert commits == 3


def test_through_spark_with_scenarios_that_need_other_rows(
    spark: SparkSession, one_file: dict[str, bytes], tmp_path: Path
):
    config = write_case(tmp_path / "four", table(), files=4, **changes({**SIDE, **SCENARIOS}))
    found = scores(spark, config)
    assert {name: found[name] for name in one_file} == one_file
    assert {name for name in found if name not in one_file} == {
        f"{checkpoint}/{scenario}" for checkpoint in ("prod", "ramp") for scenario in SIDE
    }
    # The same rows in one file, so that Spark cuts and shuffles them in another way.
    again = write_case(tmp_path / "one", table(), files=1, **changes({**SCENARIOS, **SIDE}))
    shutil.rmtree(tmp_path / "four" / "out")
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        assert scores(spark, again) == found
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)


def test_conditions_and_a_sample_by_both_readers(spark: SparkSession, tmp_path: Path):
    rows = table()
    path = str(write_case(tmp_path / "hashed", rows, files=1).parent / "traffic")
    where = "surface = 'home' AND (x0 > -1 OR x1 IS NULL) AND event_time >= '2025-11-20 10:00:10'"
    selected = spark.read.parquet(path).where(f"{where} AND xxhash64(user_id) < 0").select("request_id").toArrow()
    keys = sorted(selected["request_id"].to_pylist())
    assert 0.1 * ROWS < len(keys) < 0.4 * ROWS
    given = changes(
        {"few": [{"op": "nulls", "features": ["x2"], "where": "item IN (1, 2) AND label = 0"}], "home": SIDE["home"]},
        traffic__where=where,
        traffic__sample={"rate": 0.5, "by": ["user_id"]},
    )
    found = [
        scores(spark, write_case(tmp_path / reader, rows, files=3, **given, engine={"reader": reader}), keys)
        for reader in ("direct", "spark")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 7
