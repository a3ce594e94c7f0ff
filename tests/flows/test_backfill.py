"""Windows one after another: which there are, what is kept, and what one that fails does to the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.config import ReplayConfig, load_config
from replay.errors import RunFailed, TrafficError, UsageError
from replay.flows.backfill import BackfillPlan, run_plan, to_length, to_moment
from replay.flows.finished.result import RunResult
from replay.flows.options import Options
from replay.report.backfilled import Backfill
from replay.report.terminal.progress import Progress
from replay.store import RUNNING
from tests.flows.case import write_case
from tests.flows.finished.complete import GATE, write_complete, write_inputs

NINE, TEN, NOON = (datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (9, 10, 12))
HOURLY = "out/{window.start:%Y-%m-%dT%H}"
HOUR = timedelta(hours=1)


def window(hour: int) -> str:
    return f"traffic.window={{start: 2026-11-20T{hour:02}:00:00Z, end: 2026-11-20T{hour + 1:02}:00:00Z}}"


def write_complete_hour(path: Path, hour: int, **more: Any) -> Path:
    """Leave what a complete run of an hour leaves."""
    hourly = json.loads(path.read_text())
    own = path.parent / "hour.yaml"
    ends = {"start": f"2026-11-20T{hour:02}:00:00Z", "end": f"2026-11-20T{hour + 1:02}:00:00Z"}
    own.write_text(json.dumps({**hourly, "traffic": {**hourly["traffic"], "window": ends}}))
    return write_complete(own, **more)


@pytest.fixture
def hourly(tmp_path: Path) -> Path:
    return write_inputs(tmp_path, output=HOURLY)


def run(plan: BackfillPlan, replay_one: Callable[[ReplayConfig], RunResult], **more: Any) -> Backfill:
    def one(config: ReplayConfig, _: Progress) -> RunResult:
        return replay_one(config)

    return run_plan(plan, one, new_progress=lambda: Progress(None), options=Options(), **more)


def refuse(config: ReplayConfig) -> RunResult:
    raise AssertionError(f"{config.output} is replayed")


def test_windows_follow_each_other_each_with_its_output(hourly: Path):
    plan = BackfillPlan(hourly, NINE, NOON, HOUR, ["seed=7"])
    found = [(one.traffic.window, Path(one.output).name, one.seed) for one in plan.configs]
    assert [(each.start, each.end, name, seed) for each, name, seed in found if each is not None] == [
        (NINE, TEN, "2026-11-20T09", 7),
        (TEN, TEN + HOUR, "2026-11-20T10", 7),
        (TEN + HOUR, NOON, "2026-11-20T11", 7),
    ]
    assert plan.configs[1] == load_config(hourly, ["seed=7", window(10)])


def test_the_length_is_the_configs_unless_it_is_given(tmp_path: Path):
    path = write_inputs(tmp_path, output=HOURLY, traffic__window={"last": "90min"})
    assert len(BackfillPlan(path, NINE, NOON).configs) == 2
    assert len(BackfillPlan(path, NINE, NOON, HOUR).configs) == 3
    assert len(BackfillPlan(path, NINE, NOON, None, ["traffic.window.last=3h"]).configs) == 1


@pytest.mark.parametrize(
    ("output", "end", "every", "message"),
    [
        ("out", NOON, HOUR, r"needs an output of its own.*out/\{window.start:%Y/%m/%dT%H\}"),
        (HOURLY, NINE, HOUR, "which is not before its end"),
        (HOURLY, NOON, timedelta(minutes=50), r"3 windows of 50min and a part of one: expected an end such as .*11:30"),
        (HOURLY, NOON, timedelta(seconds=1), "found 10,800 windows of 1s, expected at most 10,000"),
        (HOURLY, NOON, timedelta(minutes=30), "6 windows of 30min have 3 outputs"),
        (HOURLY, NOON, None, "has no `traffic.window` with `last`: say how long each window is"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    tmp_path: Path, output: str, end: datetime, every: timedelta | None, message: str
):
    with pytest.raises(UsageError, match=message):
        BackfillPlan(write_inputs(tmp_path, output=output), NINE, end, every)


def test_times_and_lengths_are_read_as_in_a_config():
    assert to_moment("2026-11-20 10:00+01:00") == NINE
    assert (to_length("90s"), to_length(None)) == (timedelta(seconds=90), None)
    with pytest.raises(UsageError, match="found 'noon', expected a time"):
        to_moment("noon")
    with pytest.raises(UsageError, match="found '5', expected a duration"):
        to_length("5")


def test_a_complete_window_is_kept_even_if_its_traffic_changed(hourly: Path):
    for hour in (9, 10):
        write_complete_hour(hourly, hour)
    (hourly.parent / "traffic" / "part-1.parquet").write_bytes(b"more rows")
    done = run(BackfillPlan(hourly, NINE, TEN + HOUR, HOUR), refuse)
    assert [(one.how, one.status, one.rows) for one in done.windows] == [("kept", "passed", 200_000)] * 2
    assert (done.exit_code, done.planned) == (0, 2)


def test_a_folder_is_no_run(hourly: Path):
    (hourly.parent / "out" / "2026-11-20T09").mkdir(parents=True)
    output = write_complete_hour(hourly, 10)
    (output / "summary.json").unlink()
    write_complete_hour(hourly, 11, status=RUNNING)
    begun = []

    def fails(config: ReplayConfig) -> RunResult:
        begun.append(Path(config.output).name)
        raise RunFailed("full")

    done = run(BackfillPlan(hourly, NINE, NOON, HOUR), fails)
    assert begun == ["2026-11-20T09", "2026-11-20T10", "2026-11-20T11"]
    assert [one.how for one in done.windows] == ["replayed", "replayed", "resumed"]


def test_gates_of_today_judge_the_runs_of_yesterday(tmp_path: Path):
    path = write_inputs(tmp_path, output=HOURLY)
    write_complete_hour(path, 9)
    gated = write_inputs(tmp_path, output=HOURLY, gates=[{**GATE, "max": 0}])
    done = run(BackfillPlan(gated, NINE, TEN, HOUR), refuse)
    assert [(one.how, one.status) for one in done.windows] == [("kept", "failed")]
    assert done.exit_code == 1


def test_what_ends_one_window_does_not_end_the_next_and_the_worst_code_counts(hourly: Path):
    write_complete_hour(hourly, 11)
    other = write_complete_hour(hourly, 10)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "config_sha256": "another"}))
    told: list[int] = []

    def fails(config: ReplayConfig) -> RunResult:
        raise TrafficError("no row in the window")

    done = run(BackfillPlan(hourly, NINE, NOON, HOUR), fails, done=lambda so_far: told.append(len(so_far.windows)))
    assert [(one.status, one.exit_code) for one in done.windows] == [("refused", 3), ("refused", 2), ("passed", 0)]
    assert done.windows[0].headline == "no row in the window"
    assert "of another config" in done.windows[1].headline
    assert (done.exit_code, told) == (3, [1, 2, 3])


def test_an_interrupt_ends_it(hourly: Path):
    told: list[Backfill] = []
    write_complete_hour(hourly, 9)

    def interrupted(config: ReplayConfig) -> RunResult:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(BackfillPlan(hourly, NINE, NOON, HOUR), interrupted, done=told.append)
    assert [(one.planned, len(one.windows)) for one in told] == [(3, 1)]


@pytest.mark.spark
def test_windows_have_the_rows_of_their_time_in_one_session(spark: SparkSession, table: pa.Table, tmp_path: Path):
    """Rows lie from 10:00 to 10:06:40, ten a second; those of the minute at 10:03 hold the incident."""
    gate = {"variant": "prod", "against": "online", "metric": "mismatched", "max": 0}
    config = write_case(tmp_path, table, output="out/{window.start:%H%M}", gates=[gate])
    given: Any = {"start": "2025-11-20T10:02", "end": "2025-11-20T10:08", "every": "2min", "quiet": True}
    done = replay.backfill(config, **given)
    assert [(one.rows, one.status, one.how) for one in done.windows] == [
        (1_200, "failed", "replayed"),
        (1_200, "passed", "replayed"),
        (400, "passed", "replayed"),
    ]
    assert done.exit_code == 1
    seconds = [json.loads((tmp_path / f"out/100{n}/summary.json").read_text())["timings"] for n in (2, 4, 6)]
    assert all(each["wall"] < 120 for each in seconds)
    again = replay.backfill(config, **given)
    assert [one.how for one in again.windows] == ["kept"] * 3
    assert [replace.run_id for replace in again.windows] == [one.run_id for one in done.windows]
