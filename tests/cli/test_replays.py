"""What the commands that replay a config have in common."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replay.errors import UsageError
from replay.store import hold_output, open_storage
from tests.cli.command_line import replay


@pytest.mark.parametrize("command", ["run", "gate", "diagnose"])
@pytest.mark.parametrize("given", [(), ("--overwrite",)])
def test_overwrite_reaches_what_runs(command: str, given: tuple[str, ...], case: Path, monkeypatch: pytest.MonkeyPatch):
    """Also a job's, which is the same command."""
    seen: list[bool] = []

    def stops(*_: object, overwrite: bool, **__: object) -> None:
        seen.append(overwrite)
        raise UsageError("enough")

    monkeypatch.setattr("replay.flows.run.replay_window", stops)
    monkeypatch.setattr("replay.spark.faststart.prestart.prestart_session", lambda *_: None)
    gated = case.with_name("gated.yaml")
    gated.write_text(f"{case.read_text()}gates: [{{variant: prod, against: online, metric: mismatch_rate, max: 1}}]\n")
    assert replay(command, gated, *given) == 2
    assert seen == [bool(given)]


@pytest.mark.parametrize("command", ["run", "gate", "diagnose"])
def test_what_is_missing_is_told_before_spark_starts(
    command: str, case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def starts(*_: object) -> None:
        raise AssertionError("Spark started")

    monkeypatch.setattr("replay.spark.faststart.prestart.prestart_session", starts)
    gates = "gates=[{variant: prod, against: online, metric: mismatch_rate, max: 1}]"
    assert replay(command, case, "--set", gates, "--set", "checkpoints.prod.path=prd.pt2") == 3
    assert "did you mean prod.pt2?" in capsys.readouterr().err
    (tmp_path / "notes.txt").touch()
    assert replay(command, case, "--set", gates, "--output", tmp_path) == 2
    assert "not of a replay run (notes.txt)" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "diagnose"])
def test_an_output_that_another_run_writes_is_refused_at_once(command: str, case: Path, tmp_path: Path, capsys):
    """Before Spark starts, which takes seconds."""
    output = str(tmp_path / "out")
    with hold_output(open_storage(output)):
        assert replay(command, case, "--overwrite", "--output", output) == 2
    assert f"is being written by another run (process {os.getpid()} on host" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not Path(output).exists()
