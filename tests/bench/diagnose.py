"""What a diagnosis costs: beside the plain replay of the same rows, its search counted apart."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from replay.config import load_config
from replay.flows.diagnose import diagnose
from replay.flows.incidents import diagnose as incidents
from tests.bench.case import ROW_GROUP, Case, write_model, write_traffic
from tests.bench.engine import run_whole, write_config
from tests.bench.timing import Cost, measure

INCIDENT = (0.40, 0.46)
"""Part of the traffic, in time, that online scored with a family null."""
_CHUNK = 2048


def write_incident(case: Case, rows: int, directory: Path) -> Path:
    """Write traffic that the case's own model scored online, without one family for a while; kept if it is there."""
    target = directory / f"incident-{case.dense}-{case.ids}-{rows}"
    if (target / "_SUCCESS").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    model, null = case.model(), set(case.families()["dense_0"])
    start = 0
    for file in sorted(write_traffic(case, rows, directory).glob("*.parquet")):
        table = pq.read_table(file)
        place = np.arange(start, start + table.num_rows) / rows
        start += table.num_rows
        scores = _scores(case, model, table, null, (place >= INCIDENT[0]) & (place < INCIDENT[1]))
        column = table.schema.get_field_index("online_score")
        pq.write_table(
            table.set_column(column, "online_score", pa.array(scores)), target / file.name, row_group_size=ROW_GROUP
        )
    (target / "_SUCCESS").touch()
    return target


def _scores(
    case: Case, model: torch.nn.Module, table: pa.Table, null: set[str], bad: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    dense = np.stack([table[name].to_numpy() for name in case.dense_names], axis=1)
    for place, name in enumerate(case.dense_names):
        if name in null:
            dense[bad, place] = 0.0
    inputs = [torch.from_numpy(dense)]
    if case.ids:
        inputs.append(torch.from_numpy(np.stack([table[name].to_numpy() for name in case.id_names], axis=1)))
    with torch.inference_mode():
        found = [
            torch.sigmoid(model(*(tensor[start : start + _CHUNK] for tensor in inputs)))
            for start in range(0, len(dense), _CHUNK)
        ]
        scores: np.ndarray[Any, Any] = torch.cat(found).numpy()
    return scores


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


def print_diagnosis(case: Case, rows: int, directory: Path, repeats: int, say: Callable[[str], None]) -> None:
    """Print what a diagnosis takes beside the plain replay: all of it, and without the search for causes."""
    config = write_config(case, write_incident(case, rows, directory), write_model(case, directory), directory)
    searches: list[float] = []
    told: list[str] = []

    def diagnosed(_: int) -> float:
        with tempfile.TemporaryDirectory() as output:
            start = time.perf_counter()
            found = diagnose(load_config(config, output=f"{output}/out")).summary.incidents
            seconds = time.perf_counter() - start
        told[:] = [f"{cause.kind} {', '.join(cause.families)}" for each in found for cause in each.causes]
        return seconds

    def plain(_: int) -> float:
        return run_whole(config)["wall"]

    plain(rows)  # workers started, model open, files in the page cache
    runs: list[tuple[Cost, Cost, float]] = []
    for _ in range(repeats):
        searches.clear()
        with _clocked(searches):
            both = measure(plain, rows), measure(diagnosed, rows)
        runs.append((*both, sum(searches)))
    replayed = min(run[0].wall for run in runs)
    whole, search = min(((run[1].wall, run[2]) for run in runs), key=lambda pair: pair[0] - pair[1])
    say(f"\nDiagnosis: {rows:,} rows, {INCIDENT[1] - INCIDENT[0]:.0%} of them an incident, least of {repeats}")
    say(
        f"  plain replay {replayed:.1f} s; replay diagnose {whole:.1f} s, of which the search for causes {search:.1f} s"
    )
    say(f"  without the search {(whole - search) / replayed:.2f} x the plain replay (target: 1.50)")
    say(f"  found: {'; '.join(told) or 'nothing'}")
