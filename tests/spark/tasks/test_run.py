"""Small answers from tasks."""

from __future__ import annotations

import os

import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession

from replay.spark.tasks.run import run_tasks

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
