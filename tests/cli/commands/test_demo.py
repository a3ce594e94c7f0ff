"""``replay demo``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import replay


def test_the_demo_says_at_once_that_there_is_no_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert replay("demo", tmp_path / "case") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot run")
    assert "Spark needs Java 17 or 21" in line
    assert not (tmp_path / "case").exists()
