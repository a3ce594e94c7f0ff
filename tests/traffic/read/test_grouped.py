"""Groups brought together from any files, against a plain sort."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.spark.tasks.arrow_mapping import ScannedBatches
from replay.spark.tasks.grouping import Grouping
from replay.traffic import FileBatches
from replay.traffic.read import grouped
from tests.traffic.tables import data_file, write

pytestmark = pytest.mark.spark

ROWS = 3_000
GROUPS = np.random.default_rng(0).integers(0, 400, ROWS)
SCHEMA = pa.schema([("g.x", pa.string()), ("n", pa.int32()), ("bad", pa.string()), ("value", pa.int64())])


def rows() -> pa.Table:
    return pa.table(
        {
            "g.x": pa.array([None if row % 50 == 7 else f"g{group}" for row, group in enumerate(GROUPS)]),
            "n": pa.array(GROUPS - 200, pa.int32()),
            "bad": pa.array(["why" if row % 30 == 3 else None for row in range(ROWS)]),
            "value": pa.array(range(ROWS)),
        },
        schema=SCHEMA,
    )


def files(folder: Path, parts: int) -> list[Any]:
    step = ROWS // parts
    return [data_file(write(folder / f"{parts}-{part}.parquet", rows().slice(part * step, step)))
            for part in range(parts)]  # fmt: skip


def runs(batches: Iterable[pa.RecordBatch]) -> bytes:
    """Each run of rows with one code: the code, and the values in order."""
    found: list[tuple[int, list[int]]] = []
    for batch in batches:
        assert batch.schema.names == ["code", "value"]
        for code, value in zip(batch["code"].to_pylist(), batch["value"].to_pylist(), strict=True):
            if not found or found[-1][0] != code:
                found.append((code, []))
            found[-1][1].append(value)
    return json.dumps(found).encode()


def told(states: Iterable[bytes]) -> list[tuple[int, list[int]]]:
    return [(code, values) for state in states for code, values in json.loads(state)]


def expected(column: str) -> list[list[int]]:
    """Values of each group, by hand."""
    groups: dict[Any, list[int]] = {}
    for row in rows().to_pylist():
        if row["bad"] is None and row[column] is not None:
            groups.setdefault(row[column], []).append(row["value"])
    return sorted(groups.values())


@pytest.fixture(params=[1 << 18, 500], ids=["one bucket", "buckets"])
def bucket_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(grouped, "BUCKET_ROWS", request.param)
    return int(request.param)


@pytest.mark.parametrize("column", ["g.x", "n"])
def test_a_group_is_whole_and_its_rows_are_neighbours(
    spark: SparkSession, tmp_path: Path, column: str, bucket_rows: int
) -> None:
    grouping, scratch = Grouping(column, "code", "bad"), tmp_path / "scratch"
    batches = FileBatches(spark, files(tmp_path, 3), SCHEMA, str(scratch))
    states = list(batches.fold_groups(("value",), grouping, runs))
    found = told(states)

    assert len(states) == -(-ROWS // bucket_rows)
    assert sorted(values for _, values in found) == expected(column)
    assert len({code for code, _ in found}) == len(found)
    assert not scratch.exists()
    scanned = ScannedBatches(spark.createDataFrame(rows()).repartition(4)).fold_groups(("value",), grouping, runs)
    assert sorted((code, sorted(values)) for code, values in told(scanned)) == sorted(found)


def test_the_states_are_the_same_however_the_rows_are_spread(
    spark: SparkSession, tmp_path: Path, bucket_rows: int
) -> None:
    grouping = Grouping("g.x", "code")
    told_of = [
        list(
            FileBatches(spark, files(tmp_path, parts), SCHEMA, str(tmp_path / "s")).fold_groups(
                ("value",), grouping, runs
            )
        )
        for parts in (1, 5)
    ]
    assert told_of[0] == told_of[1]


def test_what_a_task_leaves_is_gone_when_another_fails(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped, "BUCKET_ROWS", 500)

    def fails(batches: Iterable[pa.RecordBatch]) -> bytes:
        raise ValueError("no")

    batches = FileBatches(spark, files(tmp_path, 2), SCHEMA, str(tmp_path / "scratch"))
    with pytest.raises(Exception, match="no"):
        list(batches.fold_groups(("value",), Grouping("n", "code"), fails))
    assert not (tmp_path / "scratch").exists()


def test_no_files_are_no_states(spark: SparkSession, tmp_path: Path) -> None:
    assert list(FileBatches(spark, [], SCHEMA, str(tmp_path)).fold_groups(("value",), Grouping("n", "c"), runs)) == []
