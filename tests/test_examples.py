"""The examples of docs/scheduling.md: cron's lines are run, the DAG imported, the rest is checked as files."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from replay.cli.main import cli
from replay.config import load_config, run_start
from replay.store import COMPLETE
from tests.cli.command_line import replay
from tests.flows.finished.complete import write_complete, write_inputs

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"
TRIGGERED = datetime(2026, 11, 20, 10, 15, 3, tzinfo=UTC)
HOURLY = "out/{window.start:%Y/%m/%dT%H}"


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What a command makes of its arguments; wrong usage is an error here."""
    assert arguments[0] == "replay"
    return cli.commands[arguments[1]].make_context("replay", arguments[2:]).params


@pytest.fixture
def at_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_start, "clock", lambda: TRIGGERED)


def test_the_config_is_one(at_ten: None, monkeypatch: pytest.MonkeyPatch):
    for name in ("TRAFFIC", "CHECKPOINT", "OUTPUT"):
        monkeypatch.delenv(f"REPLAY_{name}", raising=False)
    config = load_config(EXAMPLES / "hourly.yaml")
    assert config.output == "s3://replays/ctr/2026/11/20T09"
    monkeypatch.setenv("REPLAY_OUTPUT", "/srv/replays")
    assert load_config(EXAMPLES / "hourly.yaml").output == "/srv/replays/2026/11/20T09"


def cron_lines() -> list[tuple[list[str], str]]:
    """The five times and the command of each line."""
    lines = [line for line in (EXAMPLES / "crontab").read_text().splitlines() if re.match(r"[\d*]", line)]
    return [(line.split(maxsplit=5)[:5], line.split(maxsplit=5)[5].replace(r"\%", "%")) for line in lines]


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., tuple[int, list[list[str]]]]:
    """Runs a line as cron does, with a `replay` that notes its arguments and ends with each code in turn."""
    program, calls, codes = tmp_path / "bin" / "replay", tmp_path / "calls", tmp_path / "codes"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nfor each; do printf "%s\\0" "$each" >> {calls}; done; printf "\\n" >> {calls}\n'
        f"code=$(head -n 1 {codes}); sed -i 1d {codes}; exit $code\n"
    )
    program.chmod(0o755)

    def run(line: str, *ends: int) -> tuple[int, list[list[str]]]:
        calls.write_text("")
        codes.write_text("".join(f"{code}\n" for code in ends))
        done = subprocess.run(
            ["/bin/sh", "-c", line], env={"PATH": f"{program.parent}:/usr/bin:/bin"}, check=False
        ).returncode
        return done, [["replay", *call.split("\0")[:-1]] for call in calls.read_text().splitlines()]

    return run


def test_crons_lines_run(shell: Callable[..., tuple[int, list[list[str]]]]):
    (hour, hourly), (day, daily) = cron_lines()
    assert (hour, day) == (["15", "*", "*", "*", "*"], ["45", "3", "*", "*", "*"])
    for ends, code, calls in (((0,), 0, 1), ((1,), 1, 1), ((3,), 1, 1), ((4, 0), 0, 2), ((4, 4), 4, 2)):
        done, called = shell(hourly, *ends)
        assert (done, len(called)) == (code, calls)
        assert all(parsed(call)["target"] == "/etc/replay/hourly.yaml" for call in called)
    done, (call,) = shell(daily, 0)
    given = parsed(call)
    assert done == 0
    assert (datetime.fromisoformat(given["end"]) - datetime.fromisoformat(given["start"])).days == 1


def test_crons_command_judges_an_hour_that_is_complete(tmp_path: Path, at_ten: None):
    gate = {"variant": "prod", "against": "online", "metric": "mismatched", "max": 200_000}
    path = write_inputs(tmp_path, output=HOURLY, traffic__window={"last": "1h", "ending": "hour"}, gates=[gate])
    write_complete(path, status=COMPLETE)
    ((_, line), _) = cron_lines()
    arguments = shlex.split(line.partition("||")[0])
    assert replay(*(path if part.endswith(".yaml") else part for part in arguments[1:])) == 0


class Final(Exception):
    """In the place of Airflow's own: not tried again."""


class Again(Exception):
    """In the place of Airflow's own: tried again."""


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the DAG's file, read without Airflow: its decorators do nothing."""
    tasks: list[Callable[[], str]] = []

    def decorator(**_: Any) -> Callable[[Any], Any]:
        return lambda function: function

    def task(function: Callable[[], str]) -> Callable[[], None]:
        tasks.append(function)
        return lambda: None

    stand_ins: dict[str, dict[str, Any]] = {
        "airflow": {},
        "airflow.sdk.exceptions": {"AirflowException": Again, "AirflowFailException": Final},
        "airflow.sdk": {
            "dag": decorator,
            "task": task,
            "get_current_context": lambda: {"data_interval_end": TRIGGERED},
        },
        "airflow.timetables": {},
        "airflow.timetables.trigger": {"CronTriggerTimetable": lambda *_, **__: None},
    }
    for name, names in stand_ins.items():
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
    return {**runpy.run_path(str(EXAMPLES / "airflow_dag.py")), "tasks": tasks}


def test_the_dag_replays_the_full_hour_before_it_was_due(dag: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    (hour,) = dag["tasks"]
    ran: list[list[str]] = []

    def run(arguments: list[str], **_: Any) -> Any:
        ran.append(arguments)
        return SimpleNamespace(returncode=0, stdout=json.dumps({"run_id": "r1"}))

    monkeypatch.setattr(subprocess, "run", run)
    assert hour() == "r1"
    given = parsed(ran[0])
    assert given["overrides"] == ("traffic.window={start: 2026-11-20T09:00Z, end: 2026-11-20T10:00Z}",)
    config = load_config(EXAMPLES / "hourly.yaml", given["overrides"])
    assert config.output.endswith("2026/11/20T09")


@pytest.mark.parametrize(("code", "error"), [(1, Final), (2, Final), (3, Final), (4, Again), (130, Again), (-9, Again)])
def test_the_dag_tries_again_what_may_go_well(dag: dict[str, Any], code: int, error: type[Exception]):
    with pytest.raises(error, match=f"replay ended with {code}"):
        dag["outcome"](code, "")


@pytest.mark.skipif(
    importlib.util.find_spec("airflow") is None, reason="Airflow is not installed: read without it above"
)
def test_airflow_imports_the_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    code = (
        "from airflow.dag_processing.dagbag import DagBag\n"
        f"bag = DagBag({str(EXAMPLES / 'airflow_dag.py')!r})\n"
        "assert not bag.import_errors, bag.import_errors\n"
        "print(*bag.dags)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "hourly_replay"


def test_the_cron_job_of_kubernetes():
    """As YAML: nothing of it is run here."""
    job = yaml.safe_load((EXAMPLES / "kubernetes_cronjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    spec = job["spec"]["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    final = spec["podFailurePolicy"]["rules"][0]
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [1, 2, 3])
    assert final["onExitCodes"]["containerName"] == container["name"]
    assert pod["restartPolicy"] == "Never", "a podFailurePolicy needs it"
    given = parsed(container["command"])
    assert Path(given["target"]).parent == Path(container["volumeMounts"][0]["mountPath"])
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_the_bundle_of_databricks():
    """As YAML: nothing of it is run here."""
    bundle = yaml.safe_load((EXAMPLES / "databricks.yml").read_text())
    (job,) = bundle["resources"]["jobs"].values()
    (task,) = job["tasks"]
    python = task["spark_python_task"]
    assert (EXAMPLES / python["python_file"]).resolve() == DOCS.parent / "jobs" / "robustness_gate.py"
    assert python["parameters"][0] == "--config"
    parsed(["replay", "gate", *python["parameters"][1:]])
    assert task["job_cluster_key"] in {cluster["job_cluster_key"] for cluster in job["job_clusters"]}
    assert job["max_concurrent_runs"] == 1


def test_the_page_shows_every_example_and_its_commands_are_the_programs():
    text = (DOCS / "scheduling.md").read_text()
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == set(
        re.findall(r"\(examples/([^)]+)\)", text)
    )
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("replay ")]
    assert commands
    for command in commands:
        parsed(command)
