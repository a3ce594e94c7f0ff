"""A case that takes some waves to score, and the commands that replay it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.chaos.victims import MARK
from tests.flows.case import make_table, write_case
from tests.flows.content import content

ROOT = Path(__file__).parents[3]
_MAIN = "from replay.cli import main; main()"
_ROWS, _FILES, _COMMIT_ROWS = 24_000, 8, 3_000
_EXECUTORS = ("spark.executor.memory=1g", "spark.cores.max=2", "spark.executor.cores=1", "spark.driver.host=127.0.0.1")
PATIENCE = 240.0
"""A command that takes longer hangs."""


@dataclass(frozen=True)
class World:
    """Where it happens.

    Attributes:
        directory: Of the case; outputs lie beside it.
        cluster: URL of a standalone master.
        started: Commands.
    """

    directory: Path
    cluster: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The config's file."""
        return self.directory / "replay.yaml"

    def output(self, name: str) -> Path:
        """Where a run of this name writes."""
        return self.directory / f"out-{name}"

    def temporary(self, name: str) -> Path:
        """The directory of temporary files of a run of this name, and of those that go on with it."""
        return self.directory / f"tmp-{name}"

    def start(self, command: str, master: str, name: str) -> subprocess.Popen[bytes]:
        """Start a command.

        Args:
            command: ``run`` or ``diagnose``.
            master: Spark's; ``cluster`` for the cluster's.
            name: Of the run: a mark of its processes, and where it writes.
        """
        self.temporary(name).mkdir(exist_ok=True)
        arguments = [command, str(self.config), "--output", str(self.output(name)), "--quiet"]
        arguments += ["--master", self.cluster if master == "cluster" else master]
        for setting in _EXECUTORS if master == "cluster" else ():
            arguments += ["--conf", setting]
        environment = {**os.environ, MARK: name, "TMPDIR": str(self.temporary(name)), "PYTHONPATH": str(ROOT)}
        with self.said(name).open("ab") as said:
            program = [sys.executable, "-c", _MAIN, *arguments]
            process = subprocess.Popen(program, env=environment, stdout=said, stderr=said, cwd=self.directory)
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what still runs, where not all points are tried."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def said(self, name: str) -> Path:
        """What the processes of a run said."""
        return self.directory / f"said-{name}.txt"

    def undisturbed(self, command: str, master: str) -> tuple[dict[str, Any], float]:
        """What a command leaves that nobody disturbs, and the seconds that it takes."""
        name = f"undisturbed-{command}-{master.partition('[')[0]}"
        start = time.monotonic()
        code = self.start(command, master, name).wait(PATIENCE)
        if code:
            raise RuntimeError(f"the undisturbed {command} ended with {code}: {self.said(name).read_text()[-2000:]}")
        return content(self.output(name)), time.monotonic() - start


def make_world(directory: Path, cluster: str) -> World:
    """Write the case: rows in several files, scenarios, and an incident in the middle."""
    scenarios = {"null": [{"op": "nulls", "features": ["x0"], "rate": 0.3}]}
    engine, diagnosis = {"commit_rows": _COMMIT_ROWS}, {"budget": 20_000}
    write_case(directory, make_table(rows=_ROWS), files=_FILES, scenarios=scenarios, engine=engine, diagnosis=diagnosis)
    return World(directory, cluster)


def left_behind(directory: Path) -> list[str]:
    """What lies in a directory of temporary files that nobody's next run would use.

    The machine's cache of weights stays, as it was made for later runs, and torch's own. So does a log that an error
    has named, for a day.
    """
    found = []
    for entry in directory.iterdir():
        if entry.name == f"replay-{os.getuid()}":
            found += [f"{entry.name}/{each.name}" for each in entry.iterdir() if each.name.startswith("tmp")]
        elif entry.name.startswith("replay-process-"):
            names = {each.name for each in entry.iterdir()}
            found += [] if names == {"kept", "spark.log"} else [entry.name]
        elif not entry.name.startswith(("torchinductor_", "hsperfdata_")):
            found.append(entry.name)
    return found


def temporary_world() -> tempfile.TemporaryDirectory[str]:
    """A place for all of it that goes at the end."""
    return tempfile.TemporaryDirectory(prefix="replay-chaos-", ignore_cleanup_errors=True)
