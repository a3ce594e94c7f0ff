"""Whether tasks reach a place, asked once."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from replay.spark.tasks import probe
from replay.spark.tasks.probe import reaching_problem
from tests.object_store import S3Server


def test_disks_are_not_asked_about():
    assert reaching_problem(None, "/data/out") is None  # type: ignore[arg-type]


def test_what_this_process_cannot_open_is_not_asked_about():
    assert "nowhere://" in str(reaching_problem(None, "nowhere://x/y"))  # type: ignore[arg-type]


@pytest.mark.spark
def test_a_task_is_asked_once_a_bucket(spark: SparkSession, s3: S3Server, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    ask = probe.run_tasks

    def counting(*arguments):
        asked.append("one")
        return ask(*arguments)

    monkeypatch.setattr(probe, "run_tasks", counting)
    bucket = s3.new_bucket()
    with s3.known_to(spark):
        assert [reaching_problem(spark, f"{bucket}/{name}") for name in ("a", "b/c")] == [None, None]
    assert asked == ["one"]


@pytest.mark.spark
def test_a_task_that_cannot_says_why(spark: SparkSession, s3: S3Server):
    """Whose environment names an endpoint that is none, or whose credentials are refused."""
    with s3.known_to(spark, AWS_ENDPOINT_URL="gopher://127.0.0.1"):
        problem = reaching_problem(spark, f"{s3.new_bucket()}/out")
    assert str(problem).startswith("a task says: pyarrow cannot open s3:// (")
    with s3.checking_keys(), s3.known_to(spark):
        problem = reaching_problem(spark, f"{s3.url.replace('http://127.0.0.1:', 's3://of-port-')}/out")
    assert problem == "a task cannot open it: the store does not accept the credentials that this process has"
