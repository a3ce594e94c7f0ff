"""An audit of tables that are not joined: what it takes to compare their columns, and the whole command."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from replay.flows.audit import run as audits
from replay.flows.audit.run import audit
from replay.spark.session import spark_session
from tests.bench.commands import ROOT, SLOTS
from tests.bench.options import BenchOptions, say
from tests.bench.processes import spend

COLUMNS = 300
_GROUP_ROWS = 125_000
_DAYS = 7
_START = 1_760_000_000_000_000


class Sum(torch.nn.Module):
    """A logit of all features."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(batch,)."""
        return features.sum(1) / 1e6


def _columns(rows: int, columns: int, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Of ten features six floats, a double with nulls, two counts and an id."""
    for place in range(columns):
        kind = place % 10
        if kind < 6:
            yield f"f{place}", rng.lognormal(size=rows).astype(np.float32)
        elif kind == 6:
            yield f"f{place}", pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1)
        elif kind < 9:
            yield f"f{place}", rng.poisson(4, rows)
        else:
            yield f"f{place}", rng.zipf(1.5, rows) % 50_000


def _write_table(target: Path, rows: int, columns: int, seed: int) -> None:
    if (target / "_SUCCESS").exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    for start in range(0, rows, _GROUP_ROWS):
        size, rng = min(_GROUP_ROWS, rows - start), np.random.default_rng((seed, start))
        moments = _START + np.sort(rng.integers(0, _DAYS * 86_400_000_000, size))
        table = pa.table(
            {
                "id": np.arange(start, start + size),
                "at": pa.array(moments, pa.timestamp("us", tz="UTC")),
                "surface": rng.choice(["home", "shop", "search"], size),
                "score": rng.random(size),
                **dict(_columns(size, columns, rng)),
            }
        )
        pq.write_table(table, target / f"part-{start:09}.parquet")
    (target / "_SUCCESS").touch()


def write_case(directory: Path, rows: int, columns: int) -> Path:
    """Write two tables of one distribution, a model and a config, kept if they are there; the config's path."""
    case = directory / f"columns-{columns}-{rows}"
    for name, seed in (("now", 0), ("before", 1)):
        _write_table(case / name, rows, columns, seed)
    batch = torch.export.Dim("batch")
    exported = torch.export.export(Sum(), (torch.zeros(4, columns),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, case / "prod.pt2")
    inputs = [{"name": "features", "dtype": "float32", "features": ["f*"], "missing": 0}]
    config = {
        "version": 1,
        "traffic": {"path": "now", "key": ["id"], "time": "at", "score": "score", "segments": ["surface"]},
        "model": {"inputs": inputs, "output": {"transform": "sigmoid"}},
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "sources": {"before": {"path": "before", "time": "at"}},
        "audits": {"drift": {"against": "before"}},
        "output": "out",
    }
    path = case / "replay.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def _clocked(seconds: list[float]) -> Iterator[None]:
    """Note how long comparing the columns takes."""
    count = audits.count_both

    def clocked(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return count(*arguments)
        finally:
            seconds.append(time.perf_counter() - start)

    with mock.patch.object(audits, "count_both", clocked):
        yield


def print_columns(options: BenchOptions) -> None:
    """Print what comparing the columns of two tables takes, Spark being up, and the whole command."""
    rows = options.rows // 4
    config = write_case(options.directory, rows, COLUMNS)
    seconds: list[float] = []
    with ExitStack() as stack:
        stack.enter_context(spark_session(f"local[{SLOTS}]", conf={"spark.driver.memory": "3g"}))
        stack.enter_context(_clocked(seconds))
        for _ in range(options.repeats):
            audit(config, output=str(config.parent / "out"), overwrite=True, quiet=True)
    command = [sys.executable, "-c", "from replay.cli import main; main()", "audit", str(config), "--overwrite"]
    spent = spend(
        [*command, "--master", f"local[{SLOTS}]"], {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable}
    )
    say(f"\nColumns: two tables of {rows:,} rows x {COLUMNS}, not joined, {SLOTS} cores, least of {options.repeats}")
    say(f"  comparing them {min(seconds):.1f} s (target: 25)")
    say(f"  the whole command, which replays the traffic as well, {spent.wall:.1f} s; CPU {spent.total_cpu:.1f} s")
