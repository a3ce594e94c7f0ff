"""The Python of Spark's workers, asked before Spark starts, and told by what a task failed with."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from replay.spark.workers import crashed_worker, failed_worker, worker_problem

OWN = "{}.{}".format(*sys.version_info)


def python(directory: Path, answer: str) -> str:
    """A program that answers what a Python would."""
    program = directory / "python"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    return str(program)


def test_the_driver_s_own_is_not_even_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("ran"))
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    assert worker_problem({}) is None
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    assert worker_problem({}) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("echo 2.7", f"is Python 2.7; Spark's workers must run Python {OWN}"),
        (f"echo {OWN} replay torch", "has no replay, torch: install"),
        ("exit 3", "does not run"),
    ],
    ids=["version", "packages", "broken"],
)
def test_another_one_is_named_with_what_to_set(answer: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = python(tmp_path, answer)
    monkeypatch.setenv("PYSPARK_PYTHON", program)
    problem = worker_problem({}) or ""
    assert problem.startswith(f"PYSPARK_PYTHON is {program}, which ")
    assert said in problem
    assert f"set PYSPARK_PYTHON to {sys.executable}, or leave it unset" in problem
    setting = worker_problem({"spark.pyspark.python": program}) or ""
    assert setting.startswith(f"spark.pyspark.python is {program}")


def test_another_one_that_will_do_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYSPARK_PYTHON", python(tmp_path, f"echo {OWN}"))
    assert worker_problem({}) is None


def test_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYSPARK_PYTHON", "/nowhere/python")
    assert "there is no such program" in (worker_problem({}) or "")


def test_a_task_s_failure_is_told_as_what_it_is():
    spark = (
        "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in driver: 3.11, PySpark "
        "cannot run with different minor versions."
    )
    assert (failed_worker(spark) or "").startswith("the workers run Python 3.9, the driver 3.11")
    assert "no `replay`" in (failed_worker("ModuleNotFoundError: No module named 'replay'") or "")
    assert failed_worker("ModuleNotFoundError: No module named 'my_code'") is None


CRASHED = """org.apache.spark.SparkException: Job aborted due to stage failure
org.apache.spark.SparkException: Python worker exited unexpectedly (crashed): Fatal Python error: Segmentation fault

Current thread 0x00007f5a (most recent call first):
  File "{library}/ctypes/__init__.py", line 519 in string_at
  File "/srv/models/faulty.py", line 22 in forward
  File "/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1776 in _call_impl
"""


def test_a_crash_is_told_with_the_line_of_the_code_that_crashed():
    text = CRASHED.format(library=sysconfig.get_path("stdlib"))
    said = "a Python worker crashed (Segmentation fault in forward, /srv/models/faulty.py line 22)"
    assert crashed_worker(text) == said
    assert crashed_worker(text.replace("/srv/models", "/v/site-packages/x")).endswith("line 519)")


def test_a_worker_that_was_killed_left_no_word():
    said = crashed_worker("Python worker exited unexpectedly (crashed). Consider setting 'x'")
    assert said is not None
    assert said.startswith("a Python worker ended without a word, as when the system kills it because memory ran out")
    assert crashed_worker("ValueError: bad luck") is None
