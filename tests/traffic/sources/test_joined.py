"""Rows with what other tables hold for their keys, joined again in plain Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.config import SourceConfig
from replay.errors import TrafficError
from replay.traffic import PinnedTraffic, WhereColumn, open_traffic, scan_dataframe, side_dataframe
from replay.traffic.sources.joined import JoinedColumn, JoinedTable, key_columns_beside
from replay.traffic.sources.pinned_source import open_source
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

ROWS = 60
LOGGED = pa.table(
    {
        "id": [f"r{row}" for row in range(ROWS)],
        "place": pa.array([row % 4 for row in range(ROWS)], pa.int16()),
        "user.`id`": [f"u{row % 5}" if row % 6 else None for row in range(ROWS)],
        "x": [float(row) for row in range(ROWS)],
        "score": [0.0] * ROWS,
    }
)
THERE = [{"key": f"r{row}", "at": row % 4, "f.x": row * 2.0, "v": [row], "x": "text"} for row in range(0, 90, 2)]
USERS = [{"user": f"u{row}", "x": row} for row in range(3)]


def traffic(spark: SparkSession, folder: Path) -> PinnedTraffic:
    write(folder / "traffic" / "t.parquet", LOGGED)
    return open_traffic(spark, traffic_config(folder / "traffic", key=["id"]))


def joined(
    spark: SparkSession, folder: Path, name: str, rows: list[Any], taken: dict[str, str], **keys: Any
) -> JoinedTable:
    write(folder / name / "t.parquet", pa.Table.from_pylist(rows))
    config = SourceConfig.model_validate({"path": str(folder / name), **keys})
    source = open_source(spark, name, config, traffic_config(folder / "traffic"))
    columns = tuple(JoinedColumn(f"replay:joined:{name}:{feature}", name, feature) for feature in taken)
    return JoinedTable(source, f"replay:matched:{name}", columns)


def test_two_tables_by_other_keys(spark: SparkSession, tmp_path: Path):
    pinned = traffic(spark, tmp_path)
    by_row = {"key": {"id": "key", "place": "at"}, "columns": {"x": "f.x"}}
    tables = [
        joined(spark, tmp_path, "served", THERE, {"x": "f.x", "v": "v"}, **by_row),
        joined(spark, tmp_path, "users", USERS, {"x": "x"}, key={"user.`id`": "user"}),
    ]
    where = [WhereColumn("late", "place > 1")]
    found = side_dataframe(spark, pinned, ["id", "x"], where, [], tables).toArrow().sort_by("id")
    served = {row["key"]: row for row in THERE}
    users = {row["user"]: row["x"] for row in USERS}

    expected = []
    for row in sorted(LOGGED.to_pylist(), key=lambda row: row["id"]):
        match, user = served.get(row["id"]), row["user.`id`"]
        expected.append(
            {
                "id": row["id"],
                "x": row["x"],
                "late": row["place"] > 1,
                "replay:joined:served:x": match and match["f.x"],
                "replay:joined:served:v": match and match["v"],
                "replay:matched:served": match is not None,
                "replay:joined:users:x": users.get(user),
                "replay:matched:users": user in users,
            }
        )
    assert found.column_names == list(expected[0])
    assert found.to_pylist() == expected


def test_a_table_beside_itself(spark: SparkSession, tmp_path: Path):
    pinned = traffic(spark, tmp_path)
    config = SourceConfig(path=str(tmp_path / "traffic"), key={"id": "id"}, where="x < 10")
    source = open_source(spark, "self", config, pinned.config)
    table = JoinedTable(source, "m", (JoinedColumn("other", "self", "x"),))
    found = side_dataframe(spark, pinned, ["x"], [], [], [table]).toArrow().sort_by("x")
    assert found["other"].to_pylist() == [float(row) if row < 10 else None for row in range(ROWS)]
    assert found["m"].to_pylist() == [row < 10 for row in range(ROWS)]


def test_without_tables_it_is_the_scan(spark: SparkSession, tmp_path: Path):
    pinned = traffic(spark, tmp_path)
    assert key_columns_beside(pinned, []) == {}
    found = side_dataframe(spark, pinned, ["id"], [], [], []).toArrow()
    assert found.sort_by("id") == scan_dataframe(spark, pinned, ["id"]).toArrow().sort_by("id")


def test_a_column_that_is_not_there(spark: SparkSession, tmp_path: Path):
    table = joined(spark, tmp_path, "users", USERS, {"zzz": "zzz"}, key={"user.`id`": "user"})
    with pytest.raises(TrafficError, match="source `users` has no column for `zzz`"):
        side_dataframe(spark, traffic(spark, tmp_path), ["id"], [], [], [table])
