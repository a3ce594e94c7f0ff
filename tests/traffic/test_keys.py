"""Fingerprints of keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.traffic import TrafficCheck, check_traffic, key_fingerprint, keys, open_traffic
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark


def check(spark: SparkSession, path: Path, **settings: object) -> TrafficCheck:
    config = traffic_config(path, **settings)
    return check_traffic(spark, open_traffic(spark, config), config)


def test_a_fingerprint_is_that_of_the_keys_in_any_order(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table({"id": np.arange(1000), "other": np.zeros(1000)})
    write(tmp_path / "a" / "t.parquet", table)
    shuffled = table.take(np.random.default_rng(0).permutation(1000))
    for index in range(4):
        write(tmp_path / "b" / f"{index}.parquet", shuffled.slice(index * 250, 250))
    first = check(spark, tmp_path / "a").keys
    assert check(spark, tmp_path / "b").keys == first
    frame = spark.read.parquet(str(tmp_path / "b"))
    assert key_fingerprint(frame, ["id"]) == first
    assert key_fingerprint(frame.where("id != 7"), ["id"]) != first
    moved = frame.withColumn("id", F.when(F.col("id") == 7, 5000).otherwise(F.col("id")))
    assert key_fingerprint(moved, ["id"]).rows == first.rows
    assert key_fingerprint(moved, ["id"]) != first


def test_a_fingerprint_is_the_sum_and_xor_of_spark_s_hash(spark: SparkSession) -> None:
    frame = spark.range(1000).selectExpr("id", "CAST(id AS string) AS text")
    hashes = [row[0] % 2**64 for row in frame.select(F.xxhash64("id", "text")).collect()]
    found = key_fingerprint(frame, ["id", "text"])
    assert found.rows == 1000
    assert found.sum == sum(hashes) % 2**64
    assert found.xor == int(np.bitwise_xor.reduce(np.array(hashes, np.uint64)))


def test_a_row_twice_shows(spark: SparkSession) -> None:
    frame = spark.range(10)
    doubled = key_fingerprint(frame.union(frame.where("id = 3")), ["id"])
    assert doubled.rows == 11
    assert doubled.sum != key_fingerprint(frame, ["id"]).sum


def test_the_fingerprint_of_nothing(spark: SparkSession) -> None:
    assert key_fingerprint(spark.range(0), ["id"]) == keys.KeyFingerprint(0, 0, 0)


def test_paths_in_the_traffic_are_columns_in_the_scores(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"ctx": [{"id": 1}, {"id": 2}]}))
    found = check(spark, tmp_path, key=["ctx.id"]).keys
    scores = spark.sql("SELECT col1 AS `ctx.id` FROM VALUES (2L), (1L)")
    assert key_fingerprint(scores, ["ctx.id"]) == found
