"""A secret of the environment reaches the user's factory, and stands nowhere afterwards, however the run ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyspark.sql import SparkSession

from replay.spark.java import spark_log
from tests.cli.command_line import replay
from tests.flows.case import Linear, write_case

pytestmark = pytest.mark.spark

TOKEN = "tok-5f1c<\"'&>9e"
GATES = [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.5}]
MODELS = f"""
import os
import torch

class Net(torch.nn.Module):
    def __init__(self, token, mode, driver):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.offset = torch.nn.Embedding(10, 1)
        self.token, self.mode, self.driver = token, mode, driver

    def forward(self, dense, item):
        if self.mode == "forward" and os.getpid() != self.driver:
            raise ValueError("401 for " + self.token)
        return dense @ self.weight + self.offset(item).squeeze(1)

def build(token, header, mode, driver):
    assert type(token) is str and token == {TOKEN!r} and header == ["Bearer " + token]
    if mode == "factory" or mode == "worker" and os.getpid() != driver:
        raise PermissionError(401, "no access", token)
    return Net(token, mode, driver)
"""


@pytest.fixture
def config(
    spark: SparkSession, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules_forgotten: None
) -> Callable[[str], Path]:
    monkeypatch.setenv("REPLAY_TEST_TOKEN", TOKEN)
    (tmp_path / "models_with_token.py").write_text(MODELS)
    torch.save(Linear().state_dict(), tmp_path / "prod.pt")

    def write(mode: str) -> Path:
        kwargs: dict[str, Any] = {"token": "${env:REPLAY_TEST_TOKEN}", "header": ["Bearer ${env:REPLAY_TEST_TOKEN}"]}
        kwargs |= {"mode": mode, "driver": os.getpid()}
        factory = f"{tmp_path}/models_with_token.py:build"
        prod = {"path": "prod.pt", "factory": factory, "kwargs": kwargs}
        return write_case(tmp_path, table.slice(0, 400), checkpoints={"prod": prod}, gates=GATES)

    return write


def leaks(directory: Path) -> list[str]:
    """Files below a directory that hold the secret, or the part of it that is written alike everywhere."""
    return [str(path) for path in directory.rglob("*") if path.is_file() and b"tok-5f1c" in path.read_bytes()]


@pytest.mark.parametrize(
    ("command", "mode", "code"),
    [
        ("run", "fine", 0),
        ("diagnose", "fine", 0),
        ("validate", "fine", 0),
        ("run", "factory", 3),
        ("validate", "factory", 3),
        ("run", "worker", 3),
        ("run", "forward", 3),
    ],
)
def test_it_stands_nowhere(
    command: str,
    mode: str,
    code: int,
    config: Callable[[str], Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
):
    path = config(mode)
    logged = spark_log().stat().st_size if spark_log().exists() else 0
    assert replay(command, path, "--json") == code
    told = capfd.readouterr()
    assert code == 0 or "${env:REPLAY_TEST_TOKEN}" in told.err
    assert "tok-5f1c" not in told.out + told.err
    assert leaks(tmp_path / "out") == []
    if spark_log().exists():
        assert b"tok-5f1c" not in spark_log().read_bytes()[logged:]
    if command == "run":
        assert replay("gate", tmp_path / "out") == code
        told = capfd.readouterr()
        assert "tok-5f1c" not in told.out + told.err
        if code == 0:
            assert "${env:REPLAY_TEST_TOKEN}" in (tmp_path / "out" / "manifest.json").read_text()
            assert replay("run", path, "--quiet") == 0


def test_a_renewed_secret_is_the_same_run(
    config: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    path = config("fine")
    assert replay("run", path, "--quiet") == 0
    monkeypatch.setenv("REPLAY_TEST_TOKEN", "another-one")
    assert replay("run", path) == 0
    assert "already done" in capfd.readouterr().err
    monkeypatch.delenv("REPLAY_TEST_TOKEN")
    assert replay("gate", tmp_path / "out", "--quiet") == 0
    assert replay("run", path) == 2
    assert "the environment has no variable REPLAY_TEST_TOKEN" in capfd.readouterr().err
