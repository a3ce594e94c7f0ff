"""A run's tables, whoever writes them: what this process committed, Spark reads, and skips files of, as its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import RunFailed
from replay.store import (
    DataFileWriter,
    append_files,
    append_rows,
    append_wave,
    foreign_commits,
    is_direct,
    last_wave,
    read_table,
    replace_table,
    tables,
)
from replay.store.spark_tables import last_appended_wave, overwrite

pytestmark = pytest.mark.spark

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, UTC)
ROW = {
    "text": "é",
    "long": 2**60,
    "int": -7,
    "small": 5,
    "real": 0.5,
    "float": 0.25,
    "decimal": Decimal("1.50"),
    "flag": True,
    "day": date(2026, 11, 20),
    "at": NOON,
    "local": datetime(2026, 11, 20, 12),
    "bytes": b"\x00",
    "list": ["a", "b"],
    "map": [("k", None)],
    "struct": {"x": 1, "y": "z"},
    "user.id": "u",
}
TYPES = pa.schema(
    [
        ("text", pa.string()),
        ("long", pa.int64()),
        ("int", pa.int32()),
        ("small", pa.int8()),
        ("real", pa.float64()),
        ("float", pa.float32()),
        ("decimal", pa.decimal128(10, 2)),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("local", pa.timestamp("us")),
        ("bytes", pa.binary()),
        ("list", pa.list_(pa.field("element", pa.string(), nullable=False))),
        ("map", pa.map_(pa.string(), pa.string())),
        ("struct", pa.struct([pa.field("x", pa.int32(), nullable=False), pa.field("y", pa.string())])),
        ("user.id", pa.string()),
    ]
)


def test_a_table_is_as_spark_would_have_written_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The same schema to the letter and the same rows, of every type, with nulls, and without a row."""
    for rows in (pa.Table.from_pylist([ROW, dict.fromkeys(ROW)], TYPES), TYPES.empty_table()):
        ours, theirs = str(tmp_path / f"ours {len(rows)}"), str(tmp_path / f"theirs {len(rows)}")
        replace_table(spark, rows, ours, "run")
        with monkeypatch.context() as patched:
            patched.setattr(tables, "is_direct", lambda *_: False)
            replace_table(spark, rows, theirs, "run")
        found, expected = read_table(spark, ours), read_table(spark, theirs)
        assert found.schema.json() == expected.schema.json()
        assert sorted(found.collect(), key=str) == sorted(expected.collect(), key=str)
        assert found.count() == rows.num_rows
        properties = [spark.sql(f"DESCRIBE DETAIL delta.`{path}`").head() for path in (ours, theirs)]
        assert [each.properties for each in properties] == [{}, {}]
        assert properties[0].minReaderVersion == properties[1].minReaderVersion


def test_spark_sees_a_replaced_table_at_once_and_its_versions(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "metrics")
    with pytest.raises(RunFailed, match="no Delta table"):
        read_table(spark, path)
    for number in (1, 2):
        replace_table(spark, pa.table({"n": [number]}), path, "run")
        assert [row.n for row in read_table(spark, path).collect()] == [number]
    assert spark.sql(f"SELECT n FROM delta.`{path}` VERSION AS OF 0").head().n == 1
    overwrite(spark.createDataFrame([("a",)], "name string"), path, "run")
    replace_table(spark, pa.table({"name": ["b"]}), path, "run")
    assert [tuple(row) for row in read_table(spark, path).collect()] == [("b",)]
    history = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
    assert [(row.version, row.userMetadata) for row in history] == [(3, "run"), (2, "run"), (1, "run"), (0, "run")]


def test_waves_of_either_writer_are_known_to_the_other(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "scores")
    schema = pa.schema([("id", pa.int64())])
    assert last_wave(spark, path, "run") == -1
    append_wave(spark.range(5), path, "run", 0, indexed=1)
    assert last_wave(spark, path, "run") == 0
    append_files(path, schema, [_file(path, schema, {"id": [7]})], "run", 1, indexed=1)
    append_files(path, schema, [], "run", 2, indexed=1)
    assert (last_appended_wave(spark, path, "run"), last_wave(spark, path, "run")) == (2, 2)
    assert (foreign_commits(spark, path, "run"), foreign_commits(spark, path, "other")) == ([], ["run"])
    append_wave(spark.range(50, 51), path, "run", 2, indexed=1)
    append_wave(spark.range(50, 51), path, "run", 3, indexed=1)
    assert sorted(row.id for row in read_table(spark, path).collect()) == [0, 1, 2, 3, 4, 7, 50]


def _file(path: str, schema: pa.Schema, columns: dict[str, list[Any]]) -> Any:
    file = DataFileWriter(path, "part-00000", schema, indexed=len(schema))
    file.write(pa.record_batch(columns, schema=schema))
    return file.close()


def test_spark_skips_files_by_their_ranges_and_loses_no_row(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "scores")
    schema = pa.schema(
        [
            ("at", pa.timestamp("us", tz="UTC")),
            ("user.id", pa.string()),
            ("price", pa.decimal128(10, 2)),
            ("online", pa.float64()),
            ("day", pa.date32()),
            ("local", pa.timestamp("us")),
            ("rejected", pa.string()),
        ]
    )
    files = [
        {
            "at": [NOON + timedelta(seconds=hour, microseconds=step) for step in (0, 1, 999)],
            "user.id": [f"{hour}" + "x" * 40, f"{hour}" + "y" * 40, None],
            "price": [Decimal(hour), Decimal("0.01") + hour, None],
            "online": [hour + 0.25, hour + 0.5, float("nan") if hour == 2 else 0.75 + hour],
            "day": [date(2026, 11, 20 + hour)] * 3,
            "local": [datetime(2026, 11, 20, hour, 0, 0, step) for step in (0, 1, 999)],
            "rejected": [None, None, "null" if hour == 1 else None],
        }
        for hour in range(4)
    ]
    append_files(path, schema, [_file(path, schema, file) for file in files], "run", 0, indexed=len(schema))
    table = read_table(spark, path)
    for condition, rows, scanned in (
        ("at = timestamp'2026-11-20T12:00:01.123457Z'", 1, 1),
        ("at > timestamp'2026-11-20T12:00:02.124454Z'", 4, 2),
        ("at < timestamp'2026-11-20T12:00:01.123456Z'", 3, 1),
        ("at > timestamp'2026-11-20T12:00:03.126Z'", 0, 0),
        (f"`user.id` = '2{'y' * 40}'", 1, 1),
        (f"`user.id` > '3{'y' * 39}'", 1, 1),
        ("price = 1.01", 1, 1),
        ("price < 0.01", 1, 1),
        ("online > 3.6", 2, 2),
        ("isnan(online)", 1, 4),
        ("online < 0.5", 1, 2),
        ("day = date'2026-11-22'", 3, 1),
        ("local = timestamp_ntz'2026-11-20 02:00:00.000999'", 1, 1),
        ("rejected is not null", 1, 1),
    ):
        found = table.where(condition)
        assert found.count() == rows, condition
        assert len(found.inputFiles()) == scanned, condition  # Delta says which it does not skip


@pytest.mark.parametrize(("path", "direct"), [("/data/out", True), ("file:///data/out", True), ("/data/a%20b", False)])
def test_a_disk_of_this_machine_is_written_directly(path: str, direct: bool, spark: SparkSession):
    assert is_direct(spark, path) is direct


def test_what_lies_elsewhere_is_not(spark: SparkSession, monkeypatch: pytest.MonkeyPatch):
    assert not is_direct(spark, "dbfs:/bucket/out")
    monkeypatch.setattr(tables.hadoop, "local_path", lambda *_: None)  # Hadoop's default lies elsewhere
    assert not is_direct(spark, "/data/out")


def test_elsewhere_spark_writes_a_table(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "a#b")
    assert not is_direct(spark, path)
    replace_table(spark, pa.table({"at": pa.array([NOON], pa.timestamp("us", tz="UTC"))}), path, "run")
    assert read_table(spark, path).selectExpr("unix_micros(at) at").head().at == round(NOON.timestamp() * 1e6)
    assert (foreign_commits(spark, path, "run"), last_wave(spark, path, "run")) == ([], -1)


def test_rows_of_a_run_are_added_to_those_of_others_and_replace_its_own(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "history")

    def rows(run_id: str, *values: int) -> pa.Table:
        schema = pa.schema([pa.field("run_id", pa.string(), nullable=False), pa.field("value", pa.int64())])
        return pa.table([[run_id] * len(values), list(values)], schema=schema)

    append_rows(spark, rows("a", 1, 2), path, "a")
    append_rows(spark, rows("b", 3), path, "b")
    append_rows(spark, rows("a", 4), path, "a")

    found = read_table(spark, path).toPandas()
    assert sorted(zip(found.run_id, found.value, strict=True)) == [("a", 4), ("b", 3)]
