"""Globs over the keys of a map: written out by what is logged in the selected rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.config import ReplayConfig, build_config
from replay.errors import TrafficError
from replay.flows.stages import map_keys as module
from replay.flows.stages.map_keys import name_map_keys
from replay.traffic import open_traffic

MAP = pa.map_(pa.string(), pa.float32())
ROWS = [[("b", 1.0), ("a", 2.0)], None, [("a", 3.0), ("c.d", 4.0)], [("later", 5.0)]]


def config(path: Any = "t", **changes: Any) -> ReplayConfig:
    return build_config(
        {
            "version": 1,
            "traffic": {"path": str(path), "key": ["id"], "score": "score", **changes},
            "model": {
                "inputs": [
                    {"name": "counts", "features": ["ctx.*"], "missing": 0.0},
                    {"name": "plain", "features": ["x*"], "missing": 0.0},
                ]
            },
            "checkpoints": {"prod": {"path": "p"}},
            "output": "o",
        },
        "/base",
    )


def features(given: ReplayConfig) -> list[tuple[str, ...]]:
    return [entry.features for entry in given.model.inputs]


def test_without_a_map_nothing_is_read_and_nothing_changes():
    traffic: Any = SimpleNamespace(
        schema=pa.schema([("id", pa.int64()), ("x0", pa.float32()), ("ctx.a", pa.float32())])
    )
    given = config()
    no_spark: Any = None
    assert name_map_keys(given, no_spark, traffic) is given


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table = pa.table(
        {"id": [0, 1, 2, 3], "x0": pa.array([0.0] * 4, pa.float32()), "ctx": pa.array(ROWS, MAP), "score": [0.5] * 4}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


@pytest.mark.spark
def test_keys_of_the_selected_rows_are_named_in_order_up_to_a_bound(
    spark: SparkSession, path: Path, monkeypatch: pytest.MonkeyPatch
):
    given = config(path, where="id < 3")
    traffic = open_traffic(spark, given.traffic)
    found = name_map_keys(given, spark, traffic)
    assert features(found) == [("ctx.a", "ctx.b", "ctx.c.d"), ("x0",)]
    assert features(given) == [("ctx.*",), ("x*",)]
    monkeypatch.setattr(module, "MOST_MAP_KEYS", 3)
    assert features(name_map_keys(given, spark, traffic)) == features(found)
    monkeypatch.setattr(module, "MOST_MAP_KEYS", 2)
    with pytest.raises(TrafficError) as caught:
        name_map_keys(given, spark, traffic)
    assert str(caught.value) == "the map `ctx` has more than 2 keys: name those that the model reads"
