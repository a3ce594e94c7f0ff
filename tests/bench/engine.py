"""This engine on the bench's cases: scoring alone, and whole runs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

import replay
from replay.config import load_config
from replay.flows.options import Options
from replay.flows.stages.prepare import Prepared, prepare
from replay.report.terminal.progress import make_progress
from replay.scoring.job import new_totals, score_dataframe, score_splits
from replay.scoring.waves import score_in_waves
from replay.traffic import scan_dataframe
from tests.bench.case import Case


def write_config(
    case: Case,
    traffic: Path,
    checkpoint: Path,
    directory: Path,
    name: str = "replay",
    scenarios: Mapping[str, object] | None = None,
) -> Path:
    """Write the config of a replay over the case.

    Args:
        case: Table and model.
        traffic: The table.
        checkpoint: The model.
        directory: Where the config and what runs leave go.
        name: Tells configs over one table apart.
        scenarios: The config's section.
    """
    target = directory / f"{name}-{traffic.name}.yaml"
    data = {
        "version": 1,
        "traffic": {
            "path": str(traffic),
            "key": ["request_id"],
            "time": "event_time",
            "score": "online_score",
            "label": "label",
        },
        "model": {"inputs": case.inputs(), "output": {"transform": "sigmoid"}, "families": case.families()},
        "checkpoints": {"prod": {"path": str(checkpoint)}},
        "scenarios": dict(scenarios or {}),
        "output": str(directory / f"out-{name}-{traffic.name}"),
    }
    target.write_text(yaml.safe_dump(data, sort_keys=False))
    return target


def prepare_case(config: Path, reader: str = "direct") -> Prepared:
    """Prepare outside of the clock."""
    return prepare(load_config(config, overrides=[f"engine.reader={reader}"]), Options())


def run_engine(prepared: Prepared) -> tuple[float, dict[str, float]]:
    """Seconds to score, the scores thrown away as every contender throws them; and the tasks' own seconds by stage."""
    totals = new_totals(prepared.spark)
    if prepared.plan.reader == "direct":
        scores = score_splits(prepared.spark, prepared.job, prepared.plan, prepared.plan.splits, totals)
    else:
        scanned = scan_dataframe(prepared.spark, prepared.traffic, prepared.plan.columns)
        scores = score_dataframe(scanned, prepared.job, totals)
    start = time.perf_counter()
    scores.write.format("noop").mode("overwrite").save()
    return time.perf_counter() - start, dict(totals.value)


def run_written(prepared: Prepared) -> float:
    """Seconds to score into a Delta table, which is thrown away."""
    with tempfile.TemporaryDirectory() as directory:
        start = time.perf_counter()
        score_in_waves(
            prepared.spark,
            prepared.job,
            prepared.scan,
            prepared.plan,
            f"{directory}/scores",
            "bench",
            prepared.config.engine.commit_rows,
            sum(split.num_rows for split in prepared.plan.splits),
            make_progress(quiet=True),
        )
        return time.perf_counter() - start


def run_whole(config: Path) -> dict[str, float]:
    """Timings of a whole run, writing, reading back and diff included; what it leaves is thrown away."""
    # In an output that holds the same run, finished waves would not be scored again.
    with tempfile.TemporaryDirectory() as directory:
        return vars(replay.run(config, output=f"{directory}/out").summary.timings)
