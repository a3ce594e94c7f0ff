"""``replay inspect``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import replay
from tests.flows.case import write_model


def test_inspect_reads_a_checkpoint_without_running_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_model(tmp_path / "model.pt2")
    assert replay("inspect", tmp_path / "model.pt2") == 0
    out = capsys.readouterr().out
    assert "torch.export" in out
    assert "13 float32" in out  # 3 weights and 10 offsets
