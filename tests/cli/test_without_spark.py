"""Where no Spark is installed: what needs it says so in one line, and the rest works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.case import make_table, write_case

ROOT = Path(__file__).parents[2]
_REFUSE = """
import contextlib, importlib, io, json, pkgutil, sys

LACKING = ("pyspark", "py4j", "delta")

class Refuse:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in LACKING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""
_COMMANDS = f"""{_REFUSE}
from replay.cli.main import cli, execute

answers = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = execute(cli, arguments)
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""
_PYTHON = f"""{_REFUSE}
import replay

failed = []
for module in pkgutil.walk_packages(replay.__path__, "replay."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        failed.append(f"{{module.name}}: {{error}}")
try:
    replay.run(sys.argv[1], quiet=True)
except Exception as error:
    print(json.dumps([failed, type(error).__name__, str(error)]))
"""
NEEDED = "error: found no pyspark in this Python, which this command needs: pip install 'replay-engine[spark]', or "


def answer(code: str, *arguments: str) -> Any:
    """What a program prints, as JSON, in a process that finds no Spark."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("case")
    gate = {"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.1}
    write_case(directory, make_table(200), gates=[gate])
    return directory


def test_commands_that_need_it_say_so_and_leave_a_verdict_alone(case: Path):
    config = str(case / "replay.yaml")
    commands = [[name, config] for name in ("run", "diagnose", "gate", "validate")]
    commands += [["row", config, "--key", "request_id=r000001"], ["demo", str(case / "demo"), "--rows", "1000"]]
    before = {path.relative_to(case).as_posix() for path in case.rglob("*")}
    for command, (code, out, err) in zip(commands, answer(_COMMANDS, json.dumps(commands)), strict=True):
        *progress, last = err.splitlines()
        assert (code, out) == (2, ""), command
        assert last.startswith(NEEDED), command
        assert all(line.startswith("replay [") for line in progress), command
    made = {path.relative_to(case).as_posix() for path in case.rglob("*")} - before
    assert made == {"out", "out/verdict.json"}
    assert json.loads((case / "out/verdict.json").read_text())["exit_code"] == 2


def test_the_rest_works(case: Path):
    checkpoint, drafted = str(case / "prod.pt2"), str(case / "drafted.yaml")
    commands = [["--help"], ["run", "--help"], ["inspect", checkpoint], ["completion", "bash"]]
    commands += [["init", "--traffic", str(case / "traffic"), "--checkpoint", checkpoint, "-o", drafted]]
    for command, (code, _, err) in zip(commands, answer(_COMMANDS, json.dumps(commands)), strict=True):
        assert code == 0, (command, err)


def test_python_imports_every_module_and_is_told_the_same(case: Path):
    failed, kind, text = answer(_PYTHON, str(case / "replay.yaml"))
    assert failed == []
    assert kind == "UsageError"
    assert f"error: {text}".startswith(NEEDED)


def test_torch_is_asked_for_by_name(case: Path):
    """It is a requirement, but an installation may have been made without these."""
    lacking = _COMMANDS.replace('("pyspark", ', '("torch", ')
    [(code, out, err)] = answer(lacking, json.dumps([["inspect", str(case / "prod.pt2")]]))
    assert (code, out) == (2, "")
    assert err == "error: found no torch in this Python, which this command needs: pip install 'replay-engine'\n"
