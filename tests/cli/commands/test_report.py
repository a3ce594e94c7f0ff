"""``replay report``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import replay


def test_report_of_nothing_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("report", tmp_path) == 2
    assert "finished run" in capsys.readouterr().err
