"""Whole commands, from the shell to their end, each with a check of what it leaves."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.bench.case import Case
from tests.bench.processes import Spent, spend

SLOTS = 2
ROOT = Path(__file__).parents[2]
_ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable}
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_MAIN = "from replay.cli import main; main()"

Command = Callable[[int], Spent]
"""Takes a number of rows."""


class WrongAnswer(Exception):
    """A command left something else than what it was to leave: its time means nothing."""


@contextmanager
def _output(directory: Path) -> Iterator[Path]:
    """A path of which nothing is left: in an output that holds the same run, finished work would not be done again."""
    with tempfile.TemporaryDirectory(dir=directory) as place:
        yield Path(place) / "out"


def by_hand(case: Case) -> Command:
    """The loop in two processes, which scores and writes."""
    return lambda rows: _peer("tests.bench.loop", case, rows)


def by_predict_batch_udf(case: Case) -> Command:
    """Spark's own way, which scores and writes."""
    return lambda rows: _peer("tests.bench.peers", case, rows)


def _peer(module: str, case: Case, rows: int) -> Spent:
    case.table(rows)
    with _output(case.directory) as out:
        command = [sys.executable, "-m", module, case.name, str(case.directory), str(rows), str(out)]
        spent = spend(command, {**_ENVIRONMENT, **_ONE_THREAD})
        found = sum(pq.read_metadata(file).num_rows for file in out.glob("*.parquet"))
    if found != rows:
        raise WrongAnswer(f"{module}: {found:,} scores, expected {rows:,}")
    return spent


@dataclass(frozen=True)
class ReplayRun:
    """``replay run``, which must reproduce every score that was logged.

    Attributes:
        case: Table and model.
        name: Tells configs over one table apart.
        scenarios: The config's section.
        engine: The config's section.
    """

    case: Case
    name: str = "replay"
    scenarios: Mapping[str, object] | None = None
    engine: Mapping[str, object] | None = None

    def __call__(self, rows: int) -> Spent:
        """Run it over so many rows."""
        config = self.case.config(self.case.table(rows), self.name, self.scenarios, self.engine)
        with _output(self.case.directory) as out:
            command = [sys.executable, "-c", _MAIN, "run", str(config), "--output", str(out), "--quiet"]
            spent = spend([*command, "--master", f"local[{SLOTS}]"], _ENVIRONMENT)
            compared = json.loads((out / "summary.json").read_text())["variants"]["prod"]["vs_online"]
        if compared["compared"] != rows or compared["mismatched"]:
            raise WrongAnswer(f"{config}: expected {rows:,} scores that are equal, found {compared}")
        return spent
