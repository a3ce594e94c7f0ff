"""Tables on a server that speaks S3: pinned as on a disk, and read by tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from replay.config import TrafficConfig
from replay.errors import TrafficError
from replay.files.places import open_filesystem
from replay.spark.delta.files import local_snapshot
from replay.spark.delta.log import commit_sha256, newest_version
from replay.traffic import open_traffic, plan_splits, read_split
from replay.traffic.read.direct import ReadPlan
from replay.traffic.read.splits import make_splits
from replay.traffic.table.footers import read_footers
from replay.traffic.table.parquet import list_files, open_plain_parquet
from replay.traffic.table.unchanged import is_unchanged
from tests.object_store import S3Server

ROWS = pa.table({"id": [f"r{n}" for n in range(6)], "s": [n / 4 for n in range(6)], "tags": [["a"]] * 6})
HTTP = {"AWS_ALLOW_HTTP": "true"}


def traffic(path: str, **more: Any) -> TrafficConfig:
    return TrafficConfig(path=path, key=("id",), score="s", **more)


def put(path: str, content: bytes) -> None:
    filesystem, place = open_filesystem(path)
    with filesystem.open_output_stream(place) as file:
        file.write(content)


def put_rows(path: str, rows: pa.Table) -> None:
    filesystem, place = open_filesystem(path)
    pq.write_table(rows, place, filesystem=filesystem, row_group_size=2)


@pytest.fixture
def parquet(s3: S3Server) -> str:
    url = f"{s3.new_bucket()}/log/traffic"
    put_rows(f"{url}/b.parquet", ROWS.slice(4))
    put_rows(f"{url}/deep/a.parquet", ROWS.slice(0, 4))
    for name in ("_SUCCESS", ".hidden/c.parquet", "_temporary/d.parquet"):
        put(f"{url}/{name}", b"no rows")
    return url


def test_data_files_are_listed(parquet: str):
    found = list_files(parquet)
    assert [path for path, _, _ in found.files] == [f"{parquet}/b.parquet", f"{parquet}/deep/a.parquet"]
    assert all(size > 100 and modified > 10**18 for _, size, modified in found.files)
    assert not found.partitioned
    alone = list_files(f"{parquet}/b.parquet")
    assert alone.files == (found.files[0],)
    put_rows(f"{parquet}/day=1/e.parquet", ROWS)
    assert list_files(parquet).partitioned


def test_what_is_no_folder_of_parquet_is_refused(parquet: str, s3: S3Server):
    for path, words in (
        (f"{s3.new_bucket()}/none", "has no data files"),
        ("s3://bucket-of-nobody/none", "Bucket 'bucket-of-nobody' not found"),
        (f"{parquet}/deep/_delta_log/x/y", "lies inside the Delta table"),
    ):
        put(f"{parquet}/deep/_delta_log/{0:020}.json", b"{}")
        with pytest.raises((TrafficError, FileNotFoundError), match=words):
            list_files(path)
    with pytest.raises(TrafficError, match="deep is a Delta table inside the given path"):
        list_files(parquet)


def test_footers_say_what_is_wrong(parquet: str):
    put(f"{parquet}/text.parquet", b"a,b\n1,2\n")
    put(f"{parquet}/empty.parquet", b"")
    with pytest.raises(TrafficError, match=r"(?s)empty.parquet: is empty.*text.parquet: is text, perhaps CSV"):
        read_footers([f"{parquet}/empty.parquet", f"{parquet}/text.parquet"])
    with pytest.raises(TrafficError, match=r"none.parquet: cannot be read: No such file"):
        read_footers([f"{parquet}/none.parquet"])


def test_rows_are_read_and_a_changed_file_is_refused(parquet: str):
    table = open_plain_parquet(traffic(parquet), parquet)
    assert table is not None
    assert (table.num_rows, table.location) == (6, parquet)
    (split,) = make_splits(table.files, None)
    read = pa.Table.from_batches(read_split(split, ReadPlan(table.schema, None)))
    assert sorted(read.to_pylist(), key=str) == sorted(ROWS.to_pylist(), key=str)
    put_rows(f"{parquet}/b.parquet", ROWS)
    with pytest.raises(TrafficError, match=r"b.parquet: has changed since the run started"):
        list(read_split(split, ReadPlan(table.schema, None)))
    filesystem, place = open_filesystem(f"{parquet}/b.parquet")
    filesystem.delete_file(place)
    with pytest.raises(TrafficError, match=r"b.parquet: was there when the run started .*now \(No such"):
        list(read_split(split, ReadPlan(table.schema, None)))


def test_unchanged_files_are_known_without_spark(parquet: str):
    table = open_plain_parquet(traffic(parquet), parquet)
    assert table is not None
    before = table.describe()
    assert is_unchanged(traffic(f"{parquet}/"), before)
    put_rows(f"{parquet}/more.parquet", ROWS)
    assert not is_unchanged(traffic(parquet), before)


def test_a_log_is_read_without_spark(s3: S3Server):
    url = f"{s3.new_bucket()}/log"
    assert (newest_version(url), commit_sha256(url, 0), local_snapshot(url, None)) == (None, None, None)
    for part in (ROWS.slice(0, 4), ROWS.slice(4)):
        write_deltalake(url, part, mode="append", storage_options=HTTP)
    assert newest_version(url) == 1
    assert commit_sha256(url, 1) not in (None, commit_sha256(url, 0))
    for version, rows in ((None, [4, 2]), (0, [4])):
        found = local_snapshot(url, version)
        assert found is not None
        assert sorted(file.num_rows or 0 for file in found[0].files) == sorted(rows)
        assert all(file.path.startswith(f"{url}/") for file in found[0].files)
    before = {"format": "delta", "path": url, "delta_version": 1, "commit": commit_sha256(url, 1), "fingerprint": "x"}
    assert is_unchanged(traffic(url), before)
    write_deltalake(url, ROWS, mode="append", storage_options=HTTP)
    assert not is_unchanged(traffic(url), before)
    assert is_unchanged(traffic(url, delta_version=1), before)


@pytest.mark.spark
def test_tasks_read_parquet_and_delta(spark: SparkSession, s3: S3Server, parquet: str, tmp_path: Path):
    """A session whose Spark has no file system for S3."""
    delta = f"{s3.new_bucket()}/delta".replace("s3:", "s3a:")
    for part in (ROWS.slice(0, 4), ROWS.slice(4)):
        write_deltalake(delta, part, mode="append", storage_options=HTTP)
    pq.write_table(ROWS, tmp_path / "a.parquet")
    disk = open_traffic(spark, traffic(str(tmp_path)))
    with s3.known_to(spark):
        for path in (parquet, delta):
            table = open_traffic(spark, traffic(path))
            assert (table.direct_problem, table.num_rows, table.schema) == (None, 6, disk.schema)
            plan = plan_splits(spark, table, ["id", "s"])
            assert plan.reader == "direct"
            rows = [row for split in plan.splits for batch in read_split(split, plan) for row in batch.to_pylist()]
            assert sorted(rows, key=str) == sorted(ROWS.select(["id", "s"]).to_pylist(), key=str)
        old = open_traffic(spark, traffic(delta, delta_version=0))
        assert (old.num_rows, old.delta_version) == (4, 0)


@pytest.mark.spark
def test_what_only_spark_reads_asks_for_its_package(spark: SparkSession, s3: S3Server, parquet: str):
    put_rows(f"{parquet}/day=1/e.parquet", ROWS)
    mapped = f"{s3.new_bucket()}/mapped"
    write_deltalake(mapped, ROWS, storage_options=HTTP)
    commit = {"metaData": json.loads(_metadata(mapped)) | {"configuration": {"delta.columnMapping.mode": "name"}}}
    put(f"{mapped}/_delta_log/{1:020}.json", json.dumps(commit).encode())
    with s3.known_to(spark):
        for path in (parquet, mapped):
            with pytest.raises(TrafficError, match=r"Spark itself has to open s3://.*hadoop-aws"):
                open_traffic(spark, traffic(path))


def _metadata(url: str) -> str:
    filesystem, place = open_filesystem(f"{url}/_delta_log/{0:020}.json")
    with filesystem.open_input_stream(place) as file:
        lines = [json.loads(line) for line in bytes(file.read()).decode().splitlines()]
    assert DeltaTable(url, storage_options=HTTP).version() == 0
    return json.dumps(next(line["metaData"] for line in lines if "metaData" in line))
