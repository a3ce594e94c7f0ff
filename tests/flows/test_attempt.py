"""Whatever ends a run is told in its output, and nobody else's verdict is touched."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from pickle import PicklingError
from typing import Any

import pytest

import replay
from replay.config import load_config
from replay.errors import ConfigError, OutputConflict, ReplayError, RunFailed, TrafficError
from replay.flows import early
from replay.flows.attempt import attempt, load_to_run
from replay.store import RUNNING, hold_output, open_storage
from tests.flows.finished.complete import write_complete, write_inputs
from tests.object_store import S3Server


def verdict(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "verdict.json").read_text())
    return found


def fail(path: Path, error: BaseException, *, overwrite: bool = False) -> None:
    with pytest.raises(type(error)), attempt(load_config(path), overwrite=overwrite):
        raise error


def test_traffic_that_is_not_there_leaves_a_verdict_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Whatever session others started in this process.
    monkeypatch.setattr(early, "local_by_default", lambda _: True)
    path = write_inputs(tmp_path, traffic__path="gone", traffic__window={"start": "2026-11-20"}, output="a/b")
    with pytest.raises(TrafficError):
        replay.run(path, quiet=True)
    assert [file.name for file in (tmp_path / "a/b").iterdir()] == ["verdict.json"]
    found = verdict(tmp_path / "a/b")
    assert (found["status"], found["exit_code"], found["run_id"]) == ("refused", 3, None)
    assert "gone: no such file" in found["headline"]
    assert found["window"] == {"start": "2026-11-20T00:00:00Z", "end": None}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RunFailed("full"), "error", 4), (KeyboardInterrupt(), "interrupted", 130), (ZeroDivisionError(), "error", 4)],
)
def test_a_run_that_began_is_named(tmp_path: Path, error: BaseException, status: str, code: int):
    path = write_inputs(tmp_path)
    output = write_complete(path, status=RUNNING)
    fail(path, error)
    found = verdict(output)
    assert (found["status"], found["exit_code"], found["run_id"]) == (status, code, "1")


def test_a_full_disk_is_told_wherever_it_is(tmp_path: Path):
    path = write_inputs(tmp_path)
    output = write_complete(path, status=RUNNING)
    error = PicklingError("could not be sent")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    message = r"^No space left on device: .*/out, or .*temporary files lie: make room"
    with pytest.raises(RunFailed, match=message), attempt(load_config(path)):
        raise error
    assert verdict(output)["headline"].startswith("No space left on device: ")
    fail(path, OSError(errno.EIO, "Input/output error"))


def test_a_run_that_came_to_its_end_has_left_its_own(tmp_path: Path):
    path = write_inputs(tmp_path)
    before = (write_complete(path) / "verdict.json").read_bytes()
    with attempt(load_config(path)) as one:
        pass
    one.interrupted(130)
    assert (tmp_path / "out" / "verdict.json").read_bytes() == before


def test_the_verdict_of_another_config_is_its_own(tmp_path: Path):
    path = write_inputs(tmp_path)
    output = write_complete(path)
    before = verdict(output)
    write_inputs(tmp_path, seed=7)
    fail(path, TrafficError("gone"))
    fail(path, OutputConflict("of another config"))
    assert verdict(output) == before
    fail(path, TrafficError("gone"), overwrite=True)
    assert verdict(output)["headline"] == "gone"


def test_an_output_of_somebody_else_is_not_touched(tmp_path: Path):
    path = write_inputs(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    fail(path, TrafficError("gone"))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_a_run_that_is_under_way_is_left_alone_but_by_its_own_end(tmp_path: Path):
    path = write_inputs(tmp_path)
    config = load_config(path)
    with hold_output(open_storage(config.output)):
        fail(path, TrafficError("gone"))
        assert not (tmp_path / "out" / "verdict.json").exists()
        with attempt(config) as one:
            one.interrupted(143)
        assert verdict(tmp_path / "out")["exit_code"] == 143


def test_where_nothing_can_be_written_the_error_is_what_is_told(tmp_path: Path):
    (tmp_path / "file").touch()
    fail(write_inputs(tmp_path, output="file/out"), TrafficError("gone"))


def test_a_second_call_puts_the_verdict_right(tmp_path: Path):
    path = write_inputs(tmp_path)
    output = write_complete(path)
    before = verdict(output)
    fail(path, TrafficError("gone"))
    assert verdict(output) != before
    replay.run(path, quiet=True)
    assert verdict(output) == before


@pytest.mark.parametrize(
    ("changes", "options", "place"),
    [
        ({"sed": 1}, (), "out"),
        ({"sed": 1, "output": "{window.start:%Y}", "traffic__window": {"start": "2026-11-20"}}, (), "2026"),
        ({"sed": 1}, ("output=elsewhere",), "elsewhere"),
        ({"output": 5}, (), None),
        ({"output": "{window.start}"}, (), None),
        ({"sed": 1, "output": "{window.start}", "traffic__window": {"start": 5}}, (), None),
    ],
)
def test_a_config_that_is_refused_is_told_where_it_says(
    tmp_path: Path, changes: dict[str, Any], options: tuple[str, ...], place: str | None
):
    path = write_inputs(tmp_path, **changes)
    before = {file.name for file in tmp_path.iterdir()}
    with pytest.raises(ConfigError):
        load_to_run(path, options)
    assert {file.name for file in tmp_path.iterdir()} - before == ({place} if place else set())
    if place:
        assert verdict(tmp_path / place)["exit_code"] == 2


def test_a_config_that_is_refused_leaves_results_alone(tmp_path: Path):
    output = write_complete(write_inputs(tmp_path))
    before = verdict(output)
    with pytest.raises(ConfigError):
        load_to_run(write_inputs(tmp_path, sed=1))
    assert verdict(output) == before
    with pytest.raises(ConfigError):
        load_to_run(tmp_path / "nothing.yaml")


def test_it_is_left_on_an_object_store(tmp_path: Path, s3: S3Server):
    place = f"{s3.new_bucket()}/run"
    path = write_inputs(tmp_path, traffic__path="gone", output=place)
    with pytest.raises(ReplayError):
        replay.run(path, quiet=True)
    storage = open_storage(place)
    assert storage.names() == ["verdict.json"]
    assert json.loads(storage.read("verdict.json") or "")["exit_code"] == 3


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("wrong", "code", "headline"),
    [("traffic.path=gone", 3, "gone: no such file"), ("traffic.key=3", 2, "traffic.key: found 3, expected a list")],
    ids=["traffic", "config"],
)
def test_a_refusal_is_told_where_only_spark_reaches(wrong: str, code: int, headline: str, tmp_path: Path):
    path = write_inputs(tmp_path)
    mounted = f"spark.hadoop.fs.viewfs.mounttable.x.link./here=file://{tmp_path}/mounted"
    (tmp_path / "mounted").mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from replay.cli import main; main()", "run", str(path), "--quiet"),
            *("--set", wrong, "--set", "output=viewfs://x/here/out", "--conf", mounted),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == code, done.stderr
    found = verdict(tmp_path / "mounted" / "out")
    assert (found["status"], found["exit_code"], found["run_id"]) == ("refused", code, None)
    assert headline in found["headline"]
    assert [file.name for file in (tmp_path / "mounted" / "out").glob("[!.]*")] == ["verdict.json"]
