"""``replay init``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.config import CheckpointConfig, load_config
from replay.flows import draft
from tests.cli.command_line import replay
from tests.init import worlds


def test_a_draft_says_what_it_found_why_and_what_comes_next(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    target = tmp_path / "a draft.yaml"
    arguments = ("init", "--traffic", case.parent / "traffic", "--checkpoint", case.parent / "prod.pt2", "-o", target)
    assert replay(*arguments) == 0
    shown, said = capsys.readouterr()
    lines = shown.splitlines()
    assert lines[0].startswith("looked at 4,000 of 4,000 rows of ")
    assert any(line.split() == ["key", "request_id", *["unique", "over", "all", "4,000", "rows"]] for line in lines)
    assert any(line.startswith("output ") and "transform: sigmoid" in line for line in lines)
    assert lines[-1] == f"wrote {target}; next: replay validate '{target}'"
    assert said.splitlines()[0] == "replay [0.0 s] loading the library"
    assert load_config(target).traffic.key == ("request_id",)

    assert replay(*arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert replay(*arguments, "--overwrite") == 0


def test_arguments_of_the_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    world = worlds.lightning(tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = ("init", "--traffic", "log", "--checkpoint", world.checkpoint, "--factory", str(world.factory))
    assert replay(*arguments, "--kwargs", "{hidden: 8}") == 0
    entry = load_config("replay.yaml").checkpoints["prod"]
    assert isinstance(entry, CheckpointConfig)
    assert entry.kwargs == {"hidden": 8}
    assert "agrees with 600 of 600" in capsys.readouterr().out

    assert replay(*arguments, "--overwrite", "--kwargs", "{hidden: 9}") == 0
    assert "do not fit the module" in capsys.readouterr().out
    assert "TODO" in Path("replay.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kwargs", "{a: 1}"), "--kwargs are the arguments of a factory: give --factory too"),
        (("--factory", "a.py:b", "--kwargs", "[1]"), "expected a mapping, such as '{dim: 16}'"),
        (("--factory", "a.py:b", "--kwargs", "{a"), "is not YAML"),
    ],
)
def test_arguments_that_cannot_be(options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]):
    assert replay("init", "--traffic", "log", "--checkpoint", "w.pt", "-o", "never.yaml", *options) == 2
    assert said in capsys.readouterr().err


def test_what_is_not_there_is_said_before_spark_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    world = worlds.entries(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(draft, "local_by_default", lambda _: True)  # whatever session another test left running
    for changed, code, said in (
        (("--traffic", "logs"), 3, "no such file; did you mean log?"),
        (("--traffic", "log.parquet"), 3, "no such file; did you mean log?"),
        (("--factory", "my_modle.py:build"), 3, "no such file; did you mean my_model.py?"),
        (("--factory", "my_model.py:built"), 3, "build"),
        (("-o", "no/such/replay.yaml"), 2, "there is no directory"),
    ):
        given = {"--traffic": "log", "--factory": str(world.factory), "-o": "r.yaml", **dict([changed])}
        words = [word for pair in given.items() for word in pair]
        assert replay("init", "--checkpoint", world.checkpoint, *words) == code
        shown = capsys.readouterr().err
        assert said in shown
        assert "starting Spark" not in shown
        assert not Path("r.yaml").exists()


def test_weights_without_a_factory_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    world = worlds.entries(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert replay("init", "--traffic", "log", "--checkpoint", world.checkpoint) == 0
    assert "run again with --factory file.py:function" in capsys.readouterr().out


@pytest.mark.spark
@pytest.mark.parametrize("make", [worlds.factors, worlds.texts])
def test_what_is_drafted_is_valid_as_it_is(
    make: Callable[[Path], worlds.World],
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """The printed command is run as it stands, but for the program's name."""
    world = make(tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = ("init", "--traffic", "log", "--checkpoint", world.checkpoint, "--factory", str(world.factory))
    assert replay(*arguments) == 0
    printed = capsys.readouterr().out.splitlines()[-1].partition("next: replay ")[2]
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {printed}"], capture_output=True, text=True, check=True)
    assert replay(*words.stdout.splitlines()) == 0
    assert "is valid: 600 of 600 rows" in capsys.readouterr().out


@pytest.mark.spark
def test_a_delta_table_is_opened_by_spark(
    spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    spark.read.parquet(str(case.parent / "traffic")).write.format("delta").save(str(tmp_path / "delta"))
    target = tmp_path / "draft.yaml"
    assert replay("init", "--traffic", tmp_path / "delta", "--checkpoint", case.parent / "prod.pt2", "-o", target) == 0
    assert "unique over all 4,000 rows" in capsys.readouterr().out
