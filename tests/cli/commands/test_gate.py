"""``replay gate``: what is wrong usage, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.config import load_config
from replay.errors import RunFailed, TrafficError
from replay.flows.attempt import Attempt
from tests.cli.command_line import replay
from tests.flows.finished.complete import GATE, write_complete, write_inputs


def test_a_config_without_gates_has_nothing_to_judge(case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("gate", case) == 2
    assert "has no `gates`: add a limit to judge, such as {variant: prod" in capsys.readouterr().err


def test_gates_on_audits_alone_are_another_commands(case: Path, capsys: pytest.CaptureFixture[str]):
    sources = "sources={other: {path: other, key: request_id}}"
    gates = "gates=[{audit: logging, metric: value_mismatch_rate, max: 0}]"
    settings = [sources, "audits={logging: {against: other}}", gates]
    assert replay("gate", case, *(part for each in settings for part in ("--set", each))) == 2
    assert "has `gates` on audits alone, which `replay audit` judges" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--set", "seed=1"), ("--output", "x"), ("--overwrite",)])
def test_a_finished_run_is_judged_as_it_is(tmp_path: Path, option: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    assert replay("gate", tmp_path, *option) == 2
    assert f"is a finished run, which {option[0]} cannot change" in capsys.readouterr().err


def test_a_junit_file_needs_a_directory_that_can_be_made(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    assert replay("gate", case, "--junit", tmp_path / "file" / "gates.xml") == 2
    assert "its directory cannot be made" in capsys.readouterr().err
    assert replay("gate", case, "--junit", tmp_path) == 2
    assert "found a directory, expected a file" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(TrafficError("no such file"), 3), (RunFailed("the disk is full"), 4)])
def test_a_run_that_did_not_come_to_its_end_gives_its_code(
    tmp_path: Path, error: Exception, code: int, capsys: pytest.CaptureFixture[str]
):
    """Also where an earlier run of the config left results: they are not those of the last one."""
    path = write_inputs(tmp_path, gates=[GATE])
    output = write_complete(path)
    Attempt(load_config(path)).failed(error)
    assert replay("gate", output, "--junit", tmp_path / "gates.xml") == code
    status = {3: "refused", 4: "error"}[code]
    assert capsys.readouterr().out == f"{status}: {error}\n"
    assert f'<error message="{error}"' in (tmp_path / "gates.xml").read_text()
    assert replay("gate", output, "--dry-run", "--quiet") == code
    assert replay("gate", output, "--json") == code
    assert json.loads(capsys.readouterr().out) == json.loads((output / "verdict.json").read_text())


def test_a_run_without_gates_gives_the_code_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    output = write_complete(write_inputs(tmp_path))
    assert replay("gate", output) == 0
    assert capsys.readouterr().out.startswith("no gates: ")


def test_a_config_that_is_refused_leaves_its_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write_inputs(tmp_path, gates=[GATE], sed=1)
    assert replay("gate", path) == 2
    told = capsys.readouterr().err
    assert "sed: unknown key; did you mean `seed`?" in told
    assert replay("gate", tmp_path / "out") == 2
    assert "sed: unknown key; did you mean `seed`?" in capsys.readouterr().out
