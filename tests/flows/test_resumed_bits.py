"""What a run says does not depend on where it was killed, nor on how much a commit holds: to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

import replay
from replay.errors import RunFailed
from replay.flows.finished.result import RunResult
from replay.flows.stages import fit
from replay.scoring.table import waves
from replay.store.commits import last_wave
from replay.traffic.read import splits
from tests.flows.case import make_table, write_case
from tests.flows.content import OWN, bits

pytestmark = pytest.mark.spark

FILES = 5


def traffic() -> pa.Table:
    """With what goes wrong in scores: online has no score, or none that is finite; weights of many digits."""
    table = make_table()
    rng = np.random.default_rng(3)
    online = table["online_score"].to_numpy().copy()
    online[rng.random(len(online)) < 0.01] = np.nan
    absent = rng.random(len(online)) < 0.02
    place = table.schema.get_field_index("online_score")
    table = table.set_column(place, "online_score", pa.array(online, mask=absent))
    return table.append_column("weight", pa.array(rng.exponential(size=len(online))))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenarios = {"null": [{"op": "nulls", "features": ["x0"], "rate": 0.3}]}
    return write_case(
        tmp_path_factory.mktemp("resumed"),
        traffic(),
        files=FILES,
        traffic__weight="weight",
        traffic__group="item",
        scenarios=scenarios,
    )


@pytest.fixture(scope="module")
def run(spark: SparkSession, case: Path) -> Iterator[Callable[..., RunResult]]:
    """Replays the case with a task for each file, whatever a commit holds, as larger files are replayed."""

    def run(name: str, *, commit_rows: int = 800, overrides: tuple[str, ...] = ()) -> RunResult:
        given = [f"engine.commit_rows={commit_rows}", *overrides]
        return replay.run(case, overrides=given, output=str(case.parent / name))

    with pytest.MonkeyPatch.context() as patched:
        # A commit smaller than a task's usual rows would make tasks smaller, and so sums of other parts.
        patched.setattr(fit, "SPLIT_ROWS", 0)
        patched.setattr(splits, "BATCH_ROWS", 800)
        yield run


@pytest.fixture(scope="module")
def whole(run: Callable[..., RunResult]) -> RunResult:
    """Never killed."""
    return run("whole")


def table(result: RunResult, name: str) -> pa.Table:
    return DeltaTable(f"{result.output}/{name}").to_pyarrow_table()


def scores(result: RunResult) -> dict[str, Any]:
    return bits(table(result, "scores").sort_by("request_id"))


def metrics(result: RunResult) -> dict[str, Any]:
    """In the order in which they were written."""
    found = table(result, "metrics")
    assert found.num_rows > 100
    return bits(found)


def said(result: RunResult) -> dict[str, Any]:
    """The summary's file, whose floats are written in all their digits."""
    summary = json.loads(Path(result.output, "summary.json").read_text())
    return {name: value for name, value in summary.items() if name not in OWN}


def kill(name: str, wave: int, run: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """Run until this wave would be committed."""
    append = waves.append_files

    def dies(path: str, schema: pa.Schema, files: Any, run_id: str, number: int, indexed: int, **said: bool) -> None:
        if number == wave:
            raise RunFailed("killed")
        append(path, schema, files, run_id, number, indexed, **said)

    with monkeypatch.context() as patched:
        patched.setattr(waves, "append_files", dies)
        with pytest.raises(RunFailed, match="killed"):
            run(name, **more)


@pytest.mark.parametrize("wave", [1, 4])
def test_a_run_that_was_killed_between_commits_says_the_same(
    wave: int, whole: RunResult, run: Callable[..., RunResult], case: Path, monkeypatch: pytest.MonkeyPatch
):
    name = f"killed-{wave}"
    kill(name, wave, run, monkeypatch)
    manifest = json.loads((case.parent / name / "manifest.json").read_text())
    assert last_wave(str(case.parent / name / "scores"), manifest["run_id"]) == wave - 1
    resumed = run(name)

    assert resumed.summary.run_id == manifest["run_id"]
    assert scores(resumed) == scores(whole)
    assert metrics(resumed) == metrics(whole)
    assert said(resumed) == said(whole)
    assert bits(table(resumed, "diffs").drop_columns("command")) == bits(table(whole, "diffs").drop_columns("command"))


@pytest.mark.parametrize("commit_rows", [1, 1_700, 1_000_000])
def test_another_size_of_commits_changes_no_bit(commit_rows: int, whole: RunResult, run: Callable[..., RunResult]):
    """Waves of one file, of three, and a single one."""
    other = run(f"commits-{commit_rows}", commit_rows=commit_rows)
    versions = {1: 5, 1_700: 2, 1_000_000: 1}
    assert len(DeltaTable(f"{other.output}/scores").history()) == versions[commit_rows]
    assert scores(other) == scores(whole)
    assert metrics(other) == metrics(whole)


def test_a_measured_tolerance_is_the_same_after_a_kill(run: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch):
    """Then the comparison is a pass of its own over the files, whoever wrote them."""
    overrides = ("diff.tolerance=auto",)
    expected = run("auto", overrides=overrides)
    kill("auto-killed", 2, run, monkeypatch, overrides=overrides)
    resumed = run("auto-killed", overrides=overrides)
    assert scores(resumed) == scores(expected)
    assert metrics(resumed) == metrics(expected)
    assert said(resumed) == said(expected)
