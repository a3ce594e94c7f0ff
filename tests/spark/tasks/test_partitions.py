"""Partitions of a DataFrame, some at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.spark.tasks.partitions import PartitionTasks

pytestmark = pytest.mark.spark


def answer(number: int, batches: Iterable[pa.RecordBatch]) -> bytes:
    ids = [value for batch in batches for value in batch.column("a.b").to_pylist()]
    return f"{number}: {ids}".encode()


def test_partitions_are_worked_on_in_groups(spark: SparkSession) -> None:
    tasks = PartitionTasks(spark.range(0, 8, 1, 4).withColumnRenamed("id", "a.b"), answer)
    assert tasks.count == 4
    assert tasks.run(range(2, 4)) == [b"2: [4, 5]", b"3: [6, 7]"]
    assert tasks.run(range(1)) == [b"0: [0, 1]"]
    assert tasks.run(range(0)) == []


def test_what_is_shuffled_is_shuffled_once(spark: SparkSession) -> None:
    ran = spark.sparkContext.accumulator(0)

    def counted(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        ran.add(1)
        yield from batches

    rows = spark.range(0, 8, 1, 2).mapInArrow(counted, "id long").repartition(3, F.col("id"))
    tasks = PartitionTasks(rows.withColumnRenamed("id", "a.b"), answer)
    answers = [tasks.run(range(place, place + 1)) for place in range(tasks.count)]
    found = [value for given in answers for value in json.loads(given[0].split(b": ")[1])]
    assert sorted(found) == list(range(8))
    assert ran.value == 2


def test_one_python_process_works_on_a_partition(spark: SparkSession) -> None:
    def process(_number: int, batches: Iterable[pa.RecordBatch]) -> bytes:
        assert list(batches)
        return str(os.getpid()).encode()

    assert PartitionTasks(spark.range(0, 1, 1, 1), process).run(range(1)) != [str(os.getpid()).encode()]
