"""``replay inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.cli.command_line import replay
from tests.flows.case import write_model


def test_inspect_reads_a_checkpoint_without_running_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_model(tmp_path / "model.pt2")
    assert replay("inspect", tmp_path / "model.pt2") == 0
    out = capsys.readouterr().out
    assert "torch.export" in out
    assert "13 float32" in out  # 3 weights and 10 offsets


def test_inspect_says_what_all_names_begin_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.save({"state_dict": {"net.out.weight": torch.zeros(1), "net.bias": torch.zeros(1)}}, tmp_path / "last.ckpt")
    assert replay("inspect", tmp_path / "last.ckpt") == 0
    assert "prefix      all names begin with net.: it is left out where" in capsys.readouterr().out
    assert replay("inspect", "--json", tmp_path / "last.ckpt") == 0
    assert json.loads(capsys.readouterr().out)["shared_prefix"] == "net."
