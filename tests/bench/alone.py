"""The engine's scoring alone, in this process, without Spark: what a task does with its rows, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from replay.checkpoints import Checkpoint
from replay.config import load_config
from replay.features import Encoder
from replay.flows.options import Options
from replay.flows.stages.connect import examine_all
from replay.scoring import PREFLIGHT_ROWS, Work, carried_columns, plan_variants, run_preflight
from replay.scoring.local import score_here
from replay.traffic import open_plain_parquet, read_split
from replay.traffic.read.columns import plan_reading
from replay.traffic.read.splits import make_splits


class ScoringAlone:
    """Scores the table of a config, one split after the other, as one task after the other would.

    Args:
        config: Of local Parquet without partitions.
    """

    def __init__(self, config: Path) -> None:
        self._config = load_config(config)
        traffic = open_plain_parquet(self._config.traffic, self._config.traffic.path or "")
        assert traffic is not None, "the table has no partitions"
        key = self._config.traffic.key[0]
        features = Encoder(self._config.model, traffic.schema).roots
        self._plan = plan_reading(traffic, [key, *(name for name in traffic.schema.names if name in features)])
        self._splits = make_splits(traffic.files, None)
        self._checkpoints: dict[str, Checkpoint] = examine_all(self._config, Options())
        sample = next(read_split(self._splits[0], self._plan, batch_rows=PREFLIGHT_ROWS))
        preflight = run_preflight(self._config.model, self._checkpoints, sample)
        assert not preflight.problems, preflight.problems
        carried = carried_columns(
            self._config.traffic, {name: traffic.schema.field(name).type for name in traffic.schema.names}
        )
        self._work = Work(
            model=self._config.model,
            variants=plan_variants(self._config),
            score_types=preflight.score_types,
            carried=tuple(column for column in carried if column.role == "key"),
            key=self._config.traffic.key,
            base_dir=self._config.base_dir,
        )

    def scores(self) -> Iterator[pa.RecordBatch]:
        """Yield the key, why a row was rejected, and the scores of each batch."""
        for split in self._splits:
            batches = read_split(split, self._plan)
            yield from score_here(self._work, self._checkpoints, self._config.engine, self._plan.schema, batches)
