"""Spark's errors: which are the traffic's fault, what a task raised, and how they read."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from py4j.protocol import Py4JNetworkError

from replay.errors import CheckpointMismatch, CorruptCheckpoint, RunFailed, TrafficError
from replay.spark.errors import is_data_error, jvm_errors, one_line, refusal, translate


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


# As Spark prints a Python worker's exception: the JVM's frame, the worker's traceback, its last line, the JVM's again.
WORKER = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times, most recent failure: Lost task 0.0
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 5, in main
    process()
{last}

\tat org.apache.spark.api.python.BasePythonRunner.handlePythonException(PythonRunner.scala:581)
"""


@pytest.mark.parametrize(
    ("last", "kind", "message"),
    [
        ("replay.errors.CorruptCheckpoint: prod: sha256 differs", CorruptCheckpoint, "prod: sha256 differs"),
        ("replay.errors.CheckpointMismatch: two\nlines", CheckpointMismatch, "two\nlines"),
        ("replay.errors.TrafficError: part-0: truncated", TrafficError, "part-0: truncated"),
        ("RuntimeError: mat1 and mat2 shapes", RunFailed, "scoring failed: RuntimeError: mat1 and mat2 shapes"),
        ("torch.OutOfMemoryError: CUDA", RunFailed, "scoring failed: torch.OutOfMemoryError: CUDA"),
    ],
)
def test_the_workers_own_error_comes_back(last: str, kind: type[Exception], message: str):
    error = translate(WORKER.format(last=last), "scoring")
    assert type(error) is kind
    assert str(error) == message


def test_sparks_own_code_of_the_error_is_left_out():
    text = WORKER.format(last="replay.errors.RunFailed: it returned 3 values\n SQLSTATE: 38000")
    assert str(translate(text, "scoring")) == "it returned 3 values"


def test_without_a_python_error_the_first_line_says_why():
    assert str(translate("No space left on device\nmore", "writing")) == "writing failed: No space left on device"


WRAPPED = """An error occurred while calling o200.getResult.
: org.apache.spark.SparkException: Exception thrown in awaitResult: Job aborted due to stage failure: Task 0 failed
\tat org.apache.spark.util.SparkThreadUtils$.awaitResult(SparkThreadUtils.scala:54)
Caused by: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:3)
{causes}\t... 3 more
"""
READING = (
    "Caused by: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
    "file:///t/p.parquet. SQLSTATE: KD001\n\tat a.b(C.scala)\n"
)


@pytest.mark.parametrize(
    ("causes", "kind", "message"),
    [
        (
            "Caused by: java.io.IOException: No space left on device\n\tat a.b(C.java)\n",
            RunFailed,
            "scoring failed: IOException: No space left on device",
        ),
        (
            "Caused by: a.Outer: wraps\n\tat x\nCaused by: java.lang.ClassNotFoundException: org.x.BrotliCodec\n",
            RunFailed,
            "scoring failed: ClassNotFoundException: org.x.BrotliCodec",
        ),
        (
            f"{READING}Caused by: java.lang.UnsupportedOperationException: Unsupported encoding: BYTE_STREAM_SPLIT\n",
            TrafficError,
            "scoring: Encountered error while reading file file:///t/p.parquet. "
            "(UnsupportedOperationException: Unsupported encoding: BYTE_STREAM_SPLIT)",
        ),
    ],
)
def test_the_cause_that_all_others_wrap_is_told(causes: str, kind: type[Exception], message: str):
    error = translate(WRAPPED.format(causes=causes), "scoring")
    assert (type(error), str(error)) == (kind, message)


def test_an_error_whose_class_is_called_otherwise_comes_back():
    text = WORKER.format(last="pyarrow.lib.ArrowInvalid: Casting from timestamp[ns] would lose data: 1")
    reason = "pyarrow.lib.ArrowInvalid: Casting from timestamp[ns] would lose data: 1"
    assert str(translate(text, "scoring")) == f"scoring failed: {reason}"


def test_a_class_that_is_not_ours_is_a_failed_run():
    assert type(translate("replay.errors.Nonsense: what", "scoring")) is RunFailed


NO_VALUE = "[CAST_INVALID_INPUT] The value 'n/a' cannot be cast. SQLSTATE: 22018\n== SQL (line 1) ==\n"


def test_a_row_without_a_value_is_the_traffic_s_fault():
    assert refusal("data", NO_VALUE) == "data: The value 'n/a' cannot be cast."
    error = translate(NO_VALUE, "scoring")
    assert (type(error), str(error)) == (TrafficError, "scoring: The value 'n/a' cannot be cast.")
    assert is_data_error(RuntimeError(NO_VALUE))
    caused = TrafficError("in other words")
    caused.__cause__ = RuntimeError(NO_VALUE)
    assert is_data_error(caused)
    assert not is_data_error(RuntimeError("[INTERNAL_ERROR] SQLSTATE: XX000"))


def jvm(monkeypatch: pytest.MonkeyPatch, code: str | None) -> subprocess.Popen[bytes]:
    """A process in the place of the JVM; without code, one that goes on."""
    process = subprocess.Popen([sys.executable, "-c", code or "import time; time.sleep(60)"])
    monkeypatch.setattr("pyspark.SparkContext._gateway", SimpleNamespace(proc=process))
    return process


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "Spark's JVM was killed by signal 9 under the work"),
        ("raise SystemExit(52)", "Spark's JVM ended with exit code 52 under the work"),
    ],
)
@pytest.mark.parametrize("raised", [ConnectionRefusedError(111, "refused"), Py4JNetworkError("gone"), EOFError()])
def test_a_jvm_that_is_gone_is_told_in_one_line(code: str, said: str, raised: Exception, monkeypatch):
    process = jvm(monkeypatch, code)
    with pytest.raises(RunFailed, match=said) as caught, jvm_errors():
        raise RunFailed("scoring failed: an error occurred while calling o314.save") from raised
    assert process.poll() is not None
    assert "\n" not in str(caught.value)
    assert "the same command goes on from there" in str(caught.value)


def test_what_fails_otherwise_stays_what_it_is(monkeypatch):
    process = jvm(monkeypatch, None)
    try:
        for raised in (CorruptCheckpoint("swapped"), KeyError("x"), OSError(28, "No space left on device")):
            with pytest.raises(type(raised)) as caught, jvm_errors():
                raise raised
            assert caught.value is raised
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("gateway", [None, SimpleNamespace()])
def test_of_a_jvm_of_somebody_else_it_is_known_that_it_does_not_answer(gateway, monkeypatch):
    monkeypatch.setattr("pyspark.SparkContext._gateway", gateway)
    with pytest.raises(RunFailed, match="Spark's JVM no longer answers"), jvm_errors():
        raise ConnectionResetError(104, "reset")
    with pytest.raises(KeyError), jvm_errors():
        raise KeyError("x")
