"""The Python of Spark's workers, asked before Spark starts, and told by what a task failed with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replay.spark.workers import failed_worker, worker_problem

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
