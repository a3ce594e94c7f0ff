"""``replay inspect``."""

from __future__ import annotations

import json
import os
import struct
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


HOSTILE = "a\x1b[31m\x07\n  verdict     safe\u202e\ud800"


def test_a_name_in_the_file_prints_no_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Nor does it steer the terminal: what a checkpoint is called is not for it to say."""
    header = json.dumps({HOSTILE: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1, float("nan"))
    )
    assert replay("inspect", tmp_path / "model.safetensors") == 3
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if "verdict" in line[:12]] == ["  verdict     refused"]
    assert "\x1b" not in out
    assert r"a\x1b[31m\x07\n  verdict     safe\u202e\ud800" in out


def test_an_error_that_names_it_is_one_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "a\x1b[2J\nverdict  safe").touch()
    assert replay("report", tmp_path / "a\x1b[2J\nverdict  safe") == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert [line for line in error.splitlines() if line.startswith("verdict")] == []


@pytest.mark.parametrize("flag", [(), ("--json",)])
def test_a_pipe_is_no_checkpoint(flag: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """It is not waited for."""
    os.mkfifo(tmp_path / "model.pt2")
    assert replay("inspect", tmp_path / "model.pt2", *flag) == 3
    assert "found a device, a pipe or a socket; expected a checkpoint" in capsys.readouterr().out
