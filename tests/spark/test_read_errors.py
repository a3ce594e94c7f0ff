"""Spark's errors: which are the traffic's fault, and how they read."""

from __future__ import annotations

import pytest

from replay.spark.read_errors import one_line, refusal


def test_what_a_task_says_of_the_traffic_comes_through_whole() -> None:
    text = (
        "An error occurred while calling o1.collect\n"
        "Traceback (most recent call last):\n"
        "replay.errors.TrafficError: a.parquet: has changed since the run started: run again\n"
        "\n\tat org.apache.spark.api.python.BasePythonRunner.handle(PythonRunner.scala:1)\n"
    )
    assert refusal("t", text) == "a.parquet: has changed since the run started: run again"


def test_a_file_that_spark_cannot_read_is_named_with_the_reason() -> None:
    text = (
        "Job aborted due to stage failure\n"
        "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///t/a.parquet. SQLSTATE: KD001\n"
        "Caused by: java.lang.RuntimeException: file:/t/a.parquet is not a Parquet file. Expected magic number\n"
    )
    message = refusal("t", text)
    assert message is not None
    assert message.startswith("t: Encountered error while reading file file:///t/a.parquet.")
    assert "is not a Parquet file" in message or "not a Parquet file" in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["java.lang.OutOfMemoryError: Java heap space", "Job 3 cancelled", ""])
def test_other_failures_are_not_the_traffic_s(text: str) -> None:
    assert refusal("t", text) is None


def test_one_line_leaves_out_codes_positions_and_plans() -> None:
    text = (
        "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `surfce` cannot be resolved. "
        "Did you mean one of the following? [`surface`]. SQLSTATE: 42703; line 1 pos 1;\n'Filter ('surfce = home)\n"
    )
    assert one_line(text) == (
        "A column with name `surfce` cannot be resolved. Did you mean one of the following? [`surface`]."
    )
