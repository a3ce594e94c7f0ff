"""What a diagnosis costs: beside the plain replay of the same rows, its search counted apart."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import replay
from replay.config import load_config
from replay.flows.diagnose import diagnose
from replay.flows.incidents import diagnose as incidents
from replay.spark.session import spark_session
from tests.bench.case import GROUP_ROWS, Case, encode, ids_case, score_chunks
from tests.bench.commands import SLOTS
from tests.bench.options import BenchOptions, say

INCIDENT = (0.40, 0.46)
"""Part of the traffic, in time, that online scored with a family null."""
_FAMILY = "floats_0"


def write_incident(case: Case, rows: int) -> Path:
    """Write a case's table as if online had scored some of it without one family; kept if it is there."""
    target = case.directory / f"{case.name}-incident-{rows}"
    if (target / "_SUCCESS").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    start = 0
    for file in sorted(case.table(rows).glob("*.parquet")):
        table = pq.read_table(file)
        place = np.arange(start, start + table.num_rows) / rows
        start += table.num_rows
        bad = (place >= INCIDENT[0]) & (place < INCIDENT[1])
        scores = np.where(bad, _scores_without(case, table), table["online_score"].to_numpy())
        column = table.schema.get_field_index("online_score")
        scored = table.set_column(column, "online_score", pa.array(scores))
        pq.write_table(scored, target / file.name, row_group_size=GROUP_ROWS)
    (target / "_SUCCESS").touch()
    return target


def _scores_without(case: Case, table: pa.Table) -> np.ndarray:
    for name in case.families()[_FAMILY]:
        null = pa.nulls(table.num_rows, table.schema.field(name).type)
        table = table.set_column(table.schema.get_field_index(name), name, null)
    return score_chunks(case.model(), encode(case, table))


@contextmanager
def _clocked(seconds: list[float]) -> Iterator[None]:
    """Note how long each search for causes takes."""
    search = incidents.find_causes

    def clocked(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return search(*arguments, **options)
        finally:
            seconds.append(time.perf_counter() - start)

    with mock.patch.object(incidents, "find_causes", clocked):
        yield


def _replayed(config: Path) -> float:
    """Seconds of a plain replay in the running session."""
    # In an output that holds the same run, finished work would not be done again.
    with tempfile.TemporaryDirectory() as output:
        start = time.perf_counter()
        replay.run(config, output=f"{output}/out")
        return time.perf_counter() - start


def _diagnosed(config: Path) -> tuple[float, float, list[str]]:
    """Seconds of a diagnosis, those of its searches, and what it found."""
    searches: list[float] = []
    with tempfile.TemporaryDirectory() as output, _clocked(searches):
        start = time.perf_counter()
        found = diagnose(load_config(config, output=f"{output}/out")).summary.incidents
        seconds = time.perf_counter() - start
    told = [f"{cause.kind} {', '.join(cause.families)}" for each in found for cause in each.causes]
    return seconds, sum(searches), told


def print_diagnosis(options: BenchOptions) -> None:
    """Print what a diagnosis takes beside the plain replay: all of it, and without the search for causes."""
    case, rows = ids_case(options.directory), options.rows // 4
    config = case.config(write_incident(case, rows))
    plain: list[float] = []
    diagnoses: list[tuple[float, float, list[str]]] = []
    with spark_session(f"local[{SLOTS}]", conf={"spark.driver.memory": "3g"}):
        _replayed(config)  # workers started, model open, files in the page cache
        for _ in range(options.repeats):
            plain.append(_replayed(config))
            diagnoses.append(_diagnosed(config))
    replayed = min(plain)
    whole, search, told = min(diagnoses, key=lambda each: each[0] - each[1])
    say(f"\nDiagnosis: {rows:,} rows, {INCIDENT[1] - INCIDENT[0]:.0%} of them an incident, least of {options.repeats}")
    say(f"  plain replay {replayed:.1f} s; diagnosis {whole:.1f} s, of which the search for causes {search:.1f} s")
    say(f"  without the search {(whole - search) / replayed:.2f} x the plain replay (target: 1.50)")
    say(f"  found: {'; '.join(told) or 'nothing'}")
