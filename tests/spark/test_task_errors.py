"""What Spark prints, turned into one clear error."""

from __future__ import annotations

import pytest

from replay.errors import CheckpointMismatch, CorruptCheckpoint, RunFailed, TrafficError
from replay.spark.task_errors import translate

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


def test_a_class_that_is_not_ours_is_a_failed_run():
    assert type(translate("replay.errors.Nonsense: what", "scoring")) is RunFailed
