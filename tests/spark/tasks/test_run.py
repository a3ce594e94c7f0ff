"""Small answers from tasks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession

from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.shared import share, while_shared

pytestmark = pytest.mark.spark


def test_each_place_is_a_task_and_answers_come_in_order(spark: SparkSession) -> None:
    factor = 10

    def work(place: int) -> tuple[int, int, bool]:
        context = TaskContext.get()
        assert context is not None
        return place * factor, context.partitionId(), os.getpid() != driver

    driver = os.getpid()
    assert run_tasks(spark, range(3, 7), work) == [(30, 0, True), (40, 1, True), (50, 2, True), (60, 3, True)]


def test_nothing_to_do_is_no_answer(spark: SparkSession) -> None:
    assert run_tasks(spark, range(0), lambda place: 1 // place) == []


def test_what_comes_with_large_work_goes_with_its_session(spark: SparkSession) -> None:
    files = Path(spark.sparkContext._temp_dir)
    large, shared = bytes(3 << 20), share(spark, 7)
    before = set(files.iterdir())
    with while_shared(spark):
        assert run_tasks(spark, range(2), lambda place: len(large) + shared.value + place) == [3145735, 3145736]
        assert len(set(files.iterdir()) - before) == 1
    assert set(files.iterdir()) <= before
