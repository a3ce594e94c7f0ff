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
from replay.spark.delta import read_snapshot
from replay.spark.delta_files import local_snapshot
from replay.spark.read import delta_dataframe
from replay.spark.types import readable_schema
from replay.traffic.table.delta_rs import checkpointed_snapshot
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
        found = checkpointed_snapshot(path, version)
        assert found is not None
        expected = read_snapshot(spark, path, version, None)
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
    found = checkpointed_snapshot(url, None)
    assert found is not None
    assert sorted(file.num_rows or 0 for file in found[0].files) == [1, 2]
    assert (found[0].version, found[1].names) == (1, ROWS.schema.names)
    with pytest.raises(TrafficError, match="has no version 7: the latest is 1"):
        checkpointed_snapshot(url, 7)
    with pytest.raises(TrafficError, match="the Delta log cannot be read: there is no such bucket"):
        checkpointed_snapshot("s3://bucket-of-nobody/t", None)


def test_what_its_files_alone_do_not_tell_is_left_to_spark(tmp_path: Path):
    path = str(tmp_path / "t")
    write_deltalake(path, ROWS)
    assert checkpointed_snapshot(path, None) is not None
    log = tmp_path / "t" / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace('"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}'))
    assert checkpointed_snapshot(path, None) is None
