"""``replay gate``: what is wrong usage, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import replay


def test_a_config_without_gates_has_nothing_to_judge(case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("gate", case) == 2
    assert "has no `gates`: add a limit to judge, such as {variant: prod" in capsys.readouterr().err


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
