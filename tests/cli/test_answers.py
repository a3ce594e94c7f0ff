"""stdout has the answer alone, whatever a model, a factory, C code or a child process prints."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from replay.cli.answers import echo_json, kept_for_answer
from replay.cli.main import execute

_PRINTS = """
import ctypes, os, subprocess, sys, warnings
print("printed")
sys.stdout.write("written\\n")
os.write(1, b"by descriptor\\n")
libc = ctypes.CDLL(None)
libc.puts(b"by C")
libc.fflush(None)
subprocess.run(["echo", "by a child"], check=True)
"""
_SAID = ["printed", "written", "by descriptor", "by C", "by a child"]


@click.command()
@click.option("--json", "as_json", is_flag=True)
@click.option("--fails", is_flag=True)
def noisy(as_json: bool, fails: bool) -> int:
    exec(_PRINTS, {})
    if fails:
        raise click.UsageError("no")
    if as_json:
        echo_json({"score": 0.5})
    else:
        click.echo("done")
    return 1


def test_the_answer_is_alone_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(noisy, ["--json"]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out) == {"score": 0.5}
    assert sorted(err.split("\n")[:-1]) == sorted(_SAID)
    sys.stdout.write("afterwards\n")
    os.write(1, b"too\n")
    sys.stdout.flush()
    assert sorted(capfd.readouterr().out.split()) == ["afterwards", "too"]


def test_without_json_stdout_is_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(noisy, []) == 1
    out, err = capfd.readouterr()
    assert sorted(out.split("\n")[:-1]) == sorted([*_SAID, "done"])
    assert err == ""


def test_a_command_that_fails_gives_stdout_back(capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(noisy, ["--json", "--fails"]) == 2
    assert capfd.readouterr().out == ""
    sys.stdout.write("afterwards\n")
    assert capfd.readouterr().out == "afterwards\n"


def test_a_stdout_that_is_no_file_gets_the_answer_too() -> None:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), kept_for_answer(["run", "--json"]):
        sys.stdout.write("printed\n")
        echo_json([1])
    assert json.loads(text.getvalue()) == [1]


def test_a_process_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"from replay.cli.answers import echo_json, kept_for_answer\n"
        f"with kept_for_answer(['--json']):\n    exec({_PRINTS!r})\n    echo_json({{'a': 'ü'}})\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"a": "ü"}
    assert sorted(done.stderr.split("\n")[:-1]) == sorted(_SAID)
