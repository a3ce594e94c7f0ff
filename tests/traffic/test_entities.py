"""The collected history of some entities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.errors import ConfigError, TrafficError
from replay.traffic import PinnedTraffic, entity_history, history_note, open_traffic
from replay.traffic import entities as module
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

ROWS = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def logged() -> pa.Table:
    draw = np.random.default_rng(1)
    return pa.table(
        {
            "id": np.arange(ROWS),
            "user": pa.array([None if user == 0 else int(user) for user in draw.integers(0, 10, ROWS)], pa.int32()),
            "at": pa.array([None if at == 0 else int(at) * 1000 for at in draw.integers(0, 60, ROWS)], pa.int64()),
            "vec": [[float(row)] for row in range(ROWS)],
            "ctx": [{"n": row} for row in range(ROWS)],
            "big": pa.array(np.arange(ROWS), pa.uint64()),
            "score": np.zeros(ROWS),
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("entities") / "t.parquet", logged(), row_group_size=100)


def opened(spark: SparkSession, path: Path, **settings: Any) -> PinnedTraffic:
    return open_traffic(
        spark, traffic_config(path, **{"entity": "user", "time": {"column": "at", "unit": "ms"}} | settings)
    )


def expected(spark: SparkSession, users: set[int], before_ms: int = 10**9) -> list[dict[str, Any]]:
    hashes = {row["id"]: row["h"] for row in spark.range(ROWS).select("id", F.xxhash64("id").alias("h")).collect()}
    rows = [row for row in logged().to_pylist() if row["user"] in users and row["at"] is not None]
    rows = [row for row in rows if row["at"] < before_ms]
    return sorted(rows, key=lambda row: (row["user"], row["at"], hashes[row["id"]]))


@pytest.fixture(params=["tasks", "spark"])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Computed columns of a table that tasks read, and of one that only Spark reads."""
    if request.param == "tasks":
        monkeypatch.setattr(module, "pinned_dataframe", lambda *_: pytest.fail("Spark was asked to read the table"))
    return {} if request.param == "tasks" else {"odd": "ln(id + 1)"}


@pytest.mark.parametrize("until", [None, EPOCH + timedelta(seconds=20)])
def test_all_rows_of_the_entities_in_order_whatever_is_selected(
    spark: SparkSession, path: Path, until: datetime | None, columns: dict[str, str]
) -> None:
    window = {"start": "1970-01-01T00:00:30Z", "end": "1970-01-01T00:00:40Z"}
    traffic = opened(spark, path, window=window, where="id % 2 = 0", sample={"rate": 0.1}, columns=columns)
    asked = pa.array([7, 3, None, 7, 99], pa.int64())
    found = entity_history(spark, traffic, asked, ["vec", "ctx.n", "big", "id"], until)
    rows = expected(spark, {3, 7}, 10**9 if until is None else 20_000)
    assert len(rows) > 20
    assert found.schema.names == ["entity", "time_us", "vec", "ctx", "big", "id"]
    assert [found.schema.field(name).type for name in ("entity", "time_us", "big")] == [
        pa.int32(),
        pa.int64(),
        pa.uint64(),
    ]
    assert found["id"].to_pylist() == [row["id"] for row in rows]
    assert found["entity"].to_pylist() == [row["user"] for row in rows]
    assert found["time_us"].to_pylist() == [row["at"] * 1000 for row in rows]
    assert found["vec"].to_pylist() == [[float(row["id"])] for row in rows]
    assert found["ctx"].to_pylist() == [{"n": row["id"]} for row in rows]
    assert history_note(found) is None


def test_of_too_many_the_newest_are_kept_and_a_note_says_so(
    spark: SparkSession, path: Path, columns: dict[str, str]
) -> None:
    found = entity_history(spark, opened(spark, path, columns=columns), pa.array([1, 2, 3]), ["id"], most_rows=40)
    rows = expected(spark, {1, 2, 3})
    oldest_kept = min(found["time_us"].to_pylist())
    assert 30 <= found.num_rows <= 40
    # Complete from the oldest that is kept on: nothing between is left out.
    assert found["id"].to_pylist() == [row["id"] for row in rows if row["at"] * 1000 >= oldest_kept]
    note = history_note(found)
    assert note is not None
    assert f"newest {found.num_rows} rows" in note
    assert "1970-01-01T00:00:" in note


def test_a_bound_that_fits_cuts_nothing(spark: SparkSession, path: Path, columns: dict[str, str]) -> None:
    rows = expected(spark, {1})
    found = entity_history(spark, opened(spark, path, columns=columns), pa.array([1]), ["id"], most_rows=len(rows))
    assert (found.num_rows, history_note(found)) == (len(rows), None)


def test_nobody(spark: SparkSession, path: Path, columns: dict[str, str]) -> None:
    found = entity_history(spark, opened(spark, path, columns=columns), pa.array([], pa.int32()), ["vec"])
    assert found.num_rows == 0
    assert found.schema.names == ["entity", "time_us", "vec"]


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        (["a", "b", None], pa.array(["b"]).dictionary_encode()),
        (pa.array([1, 2**64 - 1, None], pa.uint64()), pa.array([2**64 - 1], pa.uint64())),
        ([{"id": "a"}, {"id": "b"}, None], pa.array(["b"])),
    ],
    ids=["dictionary", "unsigned", "path"],
)
def test_entities_of_any_type(spark: SparkSession, tmp_path: Path, values: Any, asked: pa.Array) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [0, 1, 2], "user": values, "at": [5, 6, 7]}))
    entity = "user.id" if isinstance(values, list) and isinstance(values[0], dict) else "user"
    traffic = opened(spark, tmp_path, entity=entity)
    found = entity_history(spark, traffic, asked, ["id"])
    assert found.to_pylist() == [{"entity": asked[0].as_py(), "time_us": 6000, "id": 1}]


def test_a_logged_column_of_the_same_name_gives_way(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [0], "entity": ["a"], "time_us": [5]}))
    traffic = opened(spark, tmp_path, entity="entity", time={"column": "time_us", "unit": "us"})
    found = entity_history(spark, traffic, pa.array(["a"]), ["entity", "time_us", "id"])
    assert found.to_pylist() == [{"entity": "a", "time_us": 5, "id": 0}]


def test_what_cannot_be_looked_up(spark: SparkSession, path: Path) -> None:
    with pytest.raises(TrafficError, match="no column `y`"):
        entity_history(spark, opened(spark, path), pa.array([1]), ["y"])
    for missing in ("entity", "time"):
        with pytest.raises(ConfigError) as caught:
            entity_history(spark, opened(spark, path, **{missing: None}), pa.array([1]), ["id"])
        assert caught.value.problems[0].path == f"traffic.{missing}"
