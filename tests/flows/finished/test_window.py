"""A rolling window beside what the output holds."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from replay.config import ReplayConfig, fingerprint, load_config, run_start
from replay.errors import OutputConflict
from replay.flows.early import look_at_output
from replay.flows.finished.find import find_finished
from replay.flows.finished.window import take_up
from replay.flows.options import Options
from replay.report.terminal.progress import make_progress
from replay.store import COMPLETE, RUNNING, OutputDirectory, open_storage
from tests.flows.finished.complete import write_complete, write_inputs

LAST_HOUR = {"last": "1h", "delay": "10min"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the clock to some minutes after ten."""
    return lambda minutes: monkeypatch.setattr(
        run_start, "clock", lambda: datetime(2026, 11, 20, 10 + minutes // 60, minutes % 60, tzinfo=UTC)
    )


def begun(path: Path, *, status: str = RUNNING, window: dict[str, str] | None = None) -> ReplayConfig:
    """The config of a run, of which the output holds what it left."""
    config = load_config(path)
    rule = config.run_start.rule
    more = {"window": {**(rule.rule() if rule else {}), "resolved": "2026-11-20T10:05:00Z"}} if window is None else {}
    write_complete(path, status=status, **more)
    return config


def taken_up(path: Path, *, overwrite: bool = False) -> ReplayConfig:
    config = load_config(path)
    return take_up(config, OutputDirectory(open_storage(config.output)), overwrite=overwrite)


def test_a_retry_goes_on_with_the_window_of_the_first_try(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window=LAST_HOUR)
    at(5)
    first = begun(path)
    at(20)
    again = taken_up(path)
    assert again.traffic.window == first.traffic.window
    assert fingerprint(again) == fingerprint(first)
    assert again.run_start.at == datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
    found = look_at_output(again, overwrite=False)
    assert found is not None
    assert found.status == RUNNING


def test_it_is_said(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window=LAST_HOUR)
    at(5)
    begun(path)
    at(20)
    said = io.StringIO()
    assert (
        find_finished(load_config(path), Options(), make_progress(stream=said), overwrite=False, diagnosing=False)
        is None
    )
    kept = "(that of the unfinished run in the output)"
    assert f"window: 2026-11-20 08:55 to 09:55 UTC, the last 1h, 10min ago {kept}" in said.getvalue()


def test_what_is_no_unfinished_run_of_this_config_is_left_alone(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window=LAST_HOUR)
    at(5)
    begun(path)
    at(20)
    now = load_config(path).traffic.window
    assert taken_up(path, overwrite=True).traffic.window == now
    write_inputs(tmp_path, traffic__window=LAST_HOUR, seed=1)
    assert taken_up(path).traffic.window == now
    write_inputs(tmp_path, traffic__window={**LAST_HOUR, "delay": "11min"})
    assert taken_up(path).traffic.window == load_config(path).traffic.window
    path = write_inputs(tmp_path / "new", traffic__window=LAST_HOUR)
    assert taken_up(path).traffic.window == now


def test_a_window_by_its_ends_is_the_users_word(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window=LAST_HOUR)
    at(5)
    begun(path)
    ends = {"start": "2026-11-20T09:10:00Z", "end": "2026-11-20T10:10:00Z"}
    write_inputs(tmp_path, traffic__window=ends)
    with pytest.raises(OutputConflict, match="of another window"):
        look_at_output(taken_up(path), overwrite=False)


def test_a_damaged_manifest_decides_nothing(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window=LAST_HOUR)
    at(5)
    first = load_config(path)
    write_complete(path, status=RUNNING, window={"last": "1h", "ending": "now", "delay": "10min", "resolved": "?"})
    at(20)
    assert taken_up(path).traffic.window == first.traffic.window
    config = {**OutputDirectory(open_storage(first.output)).manifest().config, "traffic": {"window": {"start": "?"}}}  # type: ignore[union-attr]
    write_complete(path, status=RUNNING, window={"last": "1h", "ending": "now", "delay": "10min"}, config=config)
    assert taken_up(path).traffic.window != first.traffic.window


def test_the_second_hour_of_a_fixed_output_is_told_of_the_template(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window={"last": "1h", "ending": "hour"})
    at(5)
    begun(path, status=COMPLETE)
    at(65)
    message = (
        f"{tmp_path}/out holds run 1 of another window (2026-11-20 09:00 to 10:00 UTC, complete), and this run's is "
        "2026-11-20 10:00 to 11:00 UTC. Give each window an output of its own (name it by its window, such as "
        f'`output: "{tmp_path}/out/{{window.start:%Y/%m/%dT%H}}"`), or --overwrite to replace what is there'
    )
    with pytest.raises(OutputConflict, match=re.escape(message)):
        look_at_output(load_config(path), overwrite=False)


def test_a_template_that_names_two_windows_alike_is_told_of_a_finer_one(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window={"last": "1h"}, output="out/{window.start:%H}")
    at(5)
    begun(path, status=COMPLETE)
    at(20)
    with pytest.raises(OutputConflict, match=r"tell them apart to the minute: \{window.start:%Y/%m/%dT%H%M\}"):
        look_at_output(load_config(path), overwrite=False)


def test_another_config_is_another_config(tmp_path: Path, at: Any):
    path = write_inputs(tmp_path, traffic__window={"last": "1h"})
    at(5)
    begun(path, status=COMPLETE)
    write_inputs(tmp_path, traffic__window={"last": "1h"}, seed=1)
    with pytest.raises(OutputConflict, match="of another config"):
        look_at_output(load_config(path), overwrite=False)


def test_a_run_over_another_window_of_a_table_is_told(tmp_path: Path, at: Any):
    """The traffic's window stays, and may be open: that of the table that a scenario takes values from moves on."""
    changes = {
        "sources": {"served": {"path": "traffic", "key": ["request_id"], "window": {"last": "1d", "ending": "hour"}}},
        "scenarios": {"as_served": [{"op": "from", "source": "served", "features": ["x0"]}]},
        "traffic__window": {"start": "2026-11-20T08:00:00Z"},
    }
    path = write_inputs(tmp_path, **changes)
    at(5)
    config = load_config(path)
    rules = {**config.run_start.rules, "resolved": "2026-11-20T10:05:00Z"}
    write_complete(path, window=rules)
    at(65)
    message = (
        f"{tmp_path}/out holds run 1 (complete) over another window of served (2026-11-19 10:00 to 2026-11-20 10:00 "
        "UTC; now 2026-11-19 11:00 to 2026-11-20 11:00 UTC). Give each an output of its own"
    )
    with pytest.raises(OutputConflict, match=re.escape(message)):
        look_at_output(load_config(path), overwrite=False)
    write_complete(path, window=rules, status=RUNNING, config_sha256=fingerprint(config))
    assert taken_up(path).sources == config.sources
