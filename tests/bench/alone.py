"""The engine's scoring alone, without Spark: what tasks do with their rows up to the scores, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from replay.config import load_config
from replay.features import Encoder
from replay.flows.options import Options
from replay.flows.stages.connect import examine_all
from replay.scoring import PREFLIGHT_ROWS, Work, carried_columns, plan_variants, run_preflight
from replay.scoring.local import score_here, scoring_plan
from replay.traffic import open_plain_parquet, read_split
from replay.traffic.read.columns import plan_reading
from replay.traffic.read.splits import make_splits


class ScoringAlone:
    """Scores the table of a config in this process, one split after the other, as a worker with its tasks.

    Args:
        config: Of local Parquet without partitions.
        place: Which share of the splits is scored.
        shares: How many there are.

    Attributes:
        plan: How splits are read: as tasks read them that score.
    """

    def __init__(self, config: Path, place: int = 0, shares: int = 1) -> None:
        self._config = load_config(config)
        traffic = open_plain_parquet(self._config.traffic, self._config.traffic.path or "")
        assert traffic is not None, "the table has no partitions"
        types = {entry.name: entry.type for entry in traffic.schema}
        key = [column for column in carried_columns(self._config.traffic, types) if column.role == "key"]
        needed = {*Encoder(self._config.model, traffic.schema).roots, *(column.path for column in key)}
        table = plan_reading(traffic, [name for name in types if name in needed])
        splits = make_splits(traffic.files, None)
        self._splits = splits[place::shares]
        self._checkpoints = examine_all(self._config, Options())
        sample = next(read_split(splits[0], table, batch_rows=PREFLIGHT_ROWS))
        preflight = run_preflight(self._config.model, self._checkpoints, sample)
        assert not preflight.problems, preflight.problems
        self._work = Work(
            model=self._config.model,
            variants=plan_variants(self._config),
            score_types=preflight.score_types,
            carried=tuple(key),
            key=self._config.traffic.key,
            base_dir=self._config.base_dir,
        )
        self.plan = scoring_plan(table, self._work)

    def scores(self) -> Iterator[pa.RecordBatch]:
        """Yield the key, why a row is rejected, and the scores of each batch."""
        for split in self._splits:
            batches = read_split(split, self.plan)
            yield from score_here(self._work, self._checkpoints, self._config.engine, self.plan.schema, batches)
