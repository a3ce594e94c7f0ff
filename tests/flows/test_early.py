"""What is refused before Spark starts."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from replay.config import Tolerance, load_config
from replay.errors import ConfigError, OutputConflict, TrafficError, UsageError
from replay.flows.early import check_time, look_at_output, needs_noise, refuse_early
from replay.flows.options import Options
from replay.store import hold_output, open_storage
from tests.flows.finished.complete import GATE, write_complete, write_inputs
from tests.object_store import S3Server


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a process where another test has a session."""
    monkeypatch.setattr("replay.flows.early.local_by_default", lambda _: True)


def refused(path: Path, *, diagnosing: bool = False) -> None:
    refuse_early(load_config(path), Options(), diagnosing=diagnosing)


def test_what_is_all_there_is_not_refused(tmp_path: Path):
    refused(write_inputs(tmp_path, gates=[GATE]), diagnosing=True)


def test_a_diagnosis_needs_the_time():
    config = SimpleNamespace(diff=SimpleNamespace(tolerance=Tolerance()), traffic=SimpleNamespace(time=None))

    assert not needs_noise(cast("Any", config), diagnosing=False)
    check_time(cast("Any", config), diagnosing=False)
    assert needs_noise(cast("Any", config), diagnosing=True)
    with pytest.raises(ConfigError, match="name the column of the event time"):
        check_time(cast("Any", config), diagnosing=True)


def test_a_metric_that_no_run_measures_is_refused_with_its_line(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"replay\.yaml:1:\d+: gates\[0\]\.metric.*did you mean `mismatch_rate`"):
        refused(write_inputs(tmp_path, gates=[{**GATE, "metric": "mismatch_rat"}]))


def test_traffic_that_is_not_there_is_refused(tmp_path: Path):
    path = write_inputs(tmp_path, traffic__path="trafic")
    with pytest.raises(TrafficError, match="trafic: no such file"):
        refused(path)


def test_an_output_of_nobody_holds_nothing(tmp_path: Path):
    path = write_inputs(tmp_path)
    assert look_at_output(load_config(path), overwrite=False) is None
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    assert look_at_output(load_config(path), overwrite=False) is None


def test_a_run_of_this_config_is_given_and_one_of_another_refused(tmp_path: Path):
    path = write_inputs(tmp_path)
    write_complete(path)
    found = look_at_output(load_config(path), overwrite=False)
    assert found is not None
    assert found.run_id == "1"
    assert look_at_output(load_config(path), overwrite=True) is None
    other = load_config(path, ["seed=3"])
    with pytest.raises(OutputConflict, match="holds run 1 of another config"):
        look_at_output(other, overwrite=False)
    assert look_at_output(other, overwrite=True) is None


def test_files_of_somebody_else_are_refused(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputConflict, match=r"notes\.txt"):
        look_at_output(load_config(write_inputs(tmp_path)), overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_an_output_that_is_closed_is_refused(tmp_path: Path):
    path = write_inputs(tmp_path)
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(OutputConflict, match="cannot be written"):
        look_at_output(load_config(path), overwrite=False)


def test_an_output_that_another_run_writes_is_refused_and_left_as_it_is(tmp_path: Path):
    path = write_inputs(tmp_path)
    config = load_config(path)
    told = f"is being written by another run .process {os.getpid()} on host"
    with hold_output(open_storage(config.output)), pytest.raises(OutputConflict, match=told):
        look_at_output(config, overwrite=True)
    assert not (tmp_path / "out").exists()


def test_an_output_elsewhere_is_for_spark_to_look_at(tmp_path: Path):
    path = write_inputs(tmp_path, output="dbfs:/bucket/out")
    assert look_at_output(load_config(path), overwrite=False) is None


@pytest.mark.parametrize("place", ["traffic__path", "output"])
def test_credentials_in_a_url_are_refused_and_not_quoted(place: str, tmp_path: Path):
    path = write_inputs(tmp_path, **{place: "s3://AKIA:hush@bucket/x"})
    with pytest.raises(UsageError, match=f"`{place.replace('__', '.')}` has credentials in its URL") as error:
        refuse_early(load_config(path), Options(), diagnosing=False)
    assert "hush" not in str(error.value)


def test_credentials_in_the_url_of_a_source_are_refused(tmp_path: Path):
    path = write_inputs(tmp_path, sources={"served": {"path": "s3://AKIA:hush@bucket/x"}})
    with pytest.raises(UsageError, match=r"`sources\.served\.path` has credentials in its URL") as error:
        refuse_early(load_config(path), Options(), diagnosing=False)
    assert "hush" not in str(error.value)


def test_an_output_on_an_object_store_is_looked_at(tmp_path: Path, s3: S3Server):
    bucket = s3.new_bucket()
    path = write_inputs(tmp_path, output=f"{bucket}/out")
    assert look_at_output(load_config(path), overwrite=False) is None
    open_storage(f"{bucket}/out").write("mine.txt", "x")
    with pytest.raises(OutputConflict, match="holds files that are not of a replay run"):
        look_at_output(load_config(path), overwrite=False)
