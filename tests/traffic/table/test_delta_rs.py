"""Logs with checkpoints and partitions, read as Spark reads them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.files.places import open_filesystem
from replay.spark.delta.files import local_snapshot
from replay.spark.delta.snapshot import DELETED, MAPPED
from replay.spark.read import delta_dataframe
from replay.spark.types import readable_schema
from replay.traffic.table.delta_rs import delta_rs_snapshot
from tests.delta_oracle import logged_snapshot
from tests.object_store import S3Server

ROWS = pa.table(
    {
        "id": [1, 2, 3],
        "day": [dt.date(2026, 1, 1), dt.date(2026, 1, 2), None],
        "surface": ["a b", "", "c%d"],
        "shard": pa.array([1, 2, 3], pa.int32()),
        "price": pa.array([Decimal("1.50"), None, Decimal(2)], pa.decimal128(10, 2)),
        "at": pa.array([0, 1, 2_000_000], pa.timestamp("us", "UTC")),
    }
)
PARTITIONS = ["day", "surface", "shard", "price", "at"]


@pytest.mark.spark
def test_it_is_as_spark_tells_it(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "t")
    for number in range(3):
        write_deltalake(path, ROWS.set_column(0, "id", pa.array([number] * 3)), mode="append", partition_by=PARTITIONS)
    DeltaTable(path).create_checkpoint()
    assert local_snapshot(path, None) is None
    for version in (0, 2, None):
        found = delta_rs_snapshot(path, version)
        assert found is not None
        expected = logged_snapshot(spark, path, version)
        assert found[0] == expected
        assert found[1] == readable_schema(delta_dataframe(spark, path, expected.version))


def test_a_log_that_begins_with_a_checkpoint(s3: S3Server):
    url = f"{s3.new_bucket()}/t"
    options = {"AWS_ALLOW_HTTP": "true"}
    for part in (ROWS.slice(0, 2), ROWS.slice(2)):
        write_deltalake(url, part, mode="append", storage_options=options)
    DeltaTable(url, storage_options=options).create_checkpoint()
    filesystem, place = open_filesystem(f"{url}/_delta_log/{0:020}.json")
    filesystem.delete_file(place)
    assert local_snapshot(url, None) is None
    found = delta_rs_snapshot(url, None)
    assert found is not None
    assert sorted(file.num_rows or 0 for file in found[0].files) == [1, 2]
    assert (found[0].version, found[1].names) == (1, ROWS.schema.names)
    with pytest.raises(TrafficError, match="has no version 7: the latest is 1"):
        delta_rs_snapshot(url, 7)
    with pytest.raises(TrafficError, match="the Delta log cannot be read: there is no such bucket"):
        delta_rs_snapshot("s3://bucket-of-nobody/t", None)


@pytest.mark.spark
def test_deleted_rows_and_mapped_columns(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "a table")
    rows = spark.range(0, 100, 1, 2).selectExpr("id", "id % 2 AS part")
    options = {"delta.enableDeletionVectors": "true"}
    rows.write.format("delta").partitionBy("part").options(**options).save(path)
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id IN (3, 5, 7)")
    spark.sql(f"CREATE TABLE delta.`{tmp_path}/clone` SHALLOW CLONE delta.`{path}`")
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    spark.sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN id TO number")
    obstacles = []
    for table, version in ((path, 0), (path, 1), (path, None), (f"{tmp_path}/clone", None)):
        found = delta_rs_snapshot(table, version)
        assert found is not None
        assert found[0] == logged_snapshot(spark, table, version)
        assert sum(file.num_rows or 0 for file in found[0].files) == (100 if version == 0 else 97)
        assert found[1] == readable_schema(delta_dataframe(spark, table, found[0].version))
        obstacles.append(found[0].obstacle)
    assert obstacles == [None, DELETED, MAPPED, DELETED]


def test_what_asks_for_a_feature_that_is_not_known_is_left_to_spark(tmp_path: Path):
    path = str(tmp_path / "t")
    write_deltalake(path, ROWS)
    assert delta_rs_snapshot(path, None) is not None
    log = tmp_path / "t" / "_delta_log" / f"{0:020}.json"
    versions = '"minReaderVersion":3,"minWriterVersion":7'
    features = '"readerFeatures":["catalogManaged"],"writerFeatures":["catalogManaged"]'
    lines = [line for line in log.read_text().splitlines() if '"protocol"' not in line]
    log.write_text("\n".join([*lines, f'{{"protocol":{{{versions},{features}}}}}']))
    assert delta_rs_snapshot(path, None) is None


def test_what_is_wrong_on_this_machine_spark_says(tmp_path: Path):
    assert delta_rs_snapshot(str(tmp_path / "nothing"), None) is None
    assert not (tmp_path / "nothing").exists()
    path = str(tmp_path / "t")
    write_deltalake(path, ROWS)
    with pytest.raises(TrafficError, match="has no version 7: the latest is 0"):
        delta_rs_snapshot(path, 7)
    (tmp_path / "t" / "_delta_log" / f"{0:020}.json").write_text("{")
    assert delta_rs_snapshot(path, None) is None
