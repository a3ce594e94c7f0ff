"""A second call of a complete run: found, said, and nothing done again."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.config import load_config
from replay.errors import OutputConflict
from replay.flows.finished.find import find_finished
from replay.flows.finished.result import RunResult
from replay.flows.options import Options
from replay.report.terminal.progress import make_progress
from tests.flows.finished.complete import GATE, SLICE, state, write_complete, write_inputs


def find(path: Path, *, overwrite: bool = False, diagnosing: bool = False) -> tuple[RunResult | None, str]:
    said = io.StringIO()
    progress = make_progress(stream=said)
    found = find_finished(load_config(path), Options(), progress, overwrite=overwrite, diagnosing=diagnosing)
    return found, said.getvalue()


def test_a_complete_run_is_given_as_it_is(tmp_path: Path):
    path = write_inputs(tmp_path)
    output = write_complete(path)
    before = state(output)
    found, said = find(path)
    assert found is not None
    assert found.summary.rows == 200_000
    assert found.report_path == f"{output}/report.html"
    assert "already done on 2026-11-29 02:01 UTC; --overwrite runs it again" in said
    assert state(output) == before


def test_what_is_not_complete_is_not_found(tmp_path: Path):
    path = write_inputs(tmp_path)
    assert find(path) == (None, "")
    write_complete(path, status="running")
    assert find(path) == (None, "")


def test_overwrite_finds_nothing(tmp_path: Path):
    path = write_inputs(tmp_path)
    write_complete(path)
    assert find(path, overwrite=True) == (None, "")


def test_a_diagnosis_needs_a_run_with_a_search_and_a_run_takes_either(tmp_path: Path):
    path = write_inputs(tmp_path)
    write_complete(path)
    assert find(path, diagnosing=True)[0] is None
    write_complete(path, diagnosed=True)
    assert find(path, diagnosing=True)[0] is not None
    found, said = find(path)
    assert found is not None
    assert "with its incidents" in said


def test_another_config_is_refused_before_anything_else(tmp_path: Path):
    write_complete(write_inputs(tmp_path))
    with pytest.raises(OutputConflict, match="of another config"):
        find(write_inputs(tmp_path, seed=3))


_WITHOUT_SPARK = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("pyspark", "py4j", "delta", "torch"):
            raise AssertionError(f"imports {name}")
sys.meta_path.insert(0, Refuse())
from replay.cli.main import main
main(sys.argv[1:])
"""


def outcome(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own that can import neither pyspark nor torch, and has no Java."""
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_SPARK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "JAVA_HOME": "/nowhere"},
    )


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_inputs(tmp_path_factory.mktemp("gated"), gates=[GATE, SLICE])
    write_complete(path, diagnosed=True)
    return path


@pytest.mark.parametrize("command", ["run", "diagnose", "gate"])
def test_a_second_call_ends_as_the_first_without_spark_and_torch(gated: Path, command: str):
    """A gate fails: 1, as it does each time."""
    done = outcome(command, gated)
    assert done.returncode == 1, done.stderr
    assert "already done on" in done.stderr
    assert "mismatch_rate" in done.stdout


@pytest.mark.parametrize(("command", "code"), [("gate", 1), ("report", 0)])
def test_an_output_is_judged_and_rendered_without_spark_and_torch(gated: Path, command: str, code: int):
    assert outcome("gate", gated).returncode == 1  # its verdicts are what is rendered
    done = outcome(command, gated.parent / "out")
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    assert "mismatch_rate" in done.stdout


def test_errors_come_without_spark_and_torch(gated: Path):
    done = outcome("run", gated, "--set", "seed=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "of another config" in done.stderr
    done = outcome("run", gated, "--output", gated.parent / "new", "--set", "checkpoints.prod.path=prd.pt2")
    assert done.returncode == 3
    assert "did you mean prod.pt2?" in done.stderr
