"""The logged rows behind a sample of scores, as the search for causes takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.features import feature_column
from replay.flows.incidents.rows import CollectedRows, keys_of
from replay.flows.stages.prepare import Prepared
from replay.scoring.core import to_utc
from replay.spark.tasks.arrow_mapping import Batches
from replay.traffic import entity_history, find_rows, history_note


class LoggedRows:
    """The logged rows of all samples, and their entities' histories, fetched at once.

    Attributes:
        keys: Key of each sampled row, by the hash of the key.
    """

    def __init__(
        self, prepared: Prepared, scores: Batches, collected: CollectedRows, samples: Sequence[SampledRows]
    ) -> None:
        self._prepared = prepared
        self._collected = collected
        sampled = np.unique(np.concatenate([sample.all for sample in samples]))
        identities = collected.identity[sampled]
        config = prepared.config
        self.keys: Mapping[int, dict[str, Any]] = keys_of(scores, config.traffic.key, identities)
        wanted = [int(identity) for identity in identities if int(identity) in self.keys]
        table = find_rows(
            prepared.spark,
            prepared.traffic,
            [self.keys[identity] for identity in wanted],
            prepared.plan.columns,
        )
        if table.num_rows != len(wanted):
            raise ValueError(f"found {table.num_rows} rows of {len(wanted)} keys: keys are not unique")
        self._batch = pa.RecordBatch.from_arrays(
            [column.combine_chunks() for column in table.columns], schema=table.schema
        )
        self._row_of = {identity: row for row, identity in enumerate(wanted)}
        self._history = self._fetch_history()

    def _fetch_history(self) -> pa.Table | None:
        """Logged rows of the sampled entities, older than the end of the traffic."""
        traffic = self._prepared.config.traffic
        if traffic.entity is None:
            return None
        entities = feature_column(self._batch, traffic.entity)
        last = int(self._collected.table.time_us[-1]) + 1
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=last)
        return entity_history(
            self._prepared.spark, self._prepared.traffic, entities, self._prepared.plan.columns, until
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the history of the entities leaves out."""
        note = None if self._history is None else history_note(self._history)
        return () if note is None else (note,)

    def evidence(self, sample: SampledRows, mismatch_rate: float, noise: NoiseFloor | None = None) -> Evidence:
        """The sample as the search takes it.

        Args:
            sample: One of the samples.
            mismatch_rate: Share of the rows that it was drawn from that disagree.
            noise: Says what scores go through at all times: online answers are taken back through a layer to what the
                model answers. None: nothing.
        """
        traffic, collected = self._prepared.config.traffic, self._collected
        known = np.array([int(collected.identity[index]) in self._row_of for index in sample.all], np.bool_)
        indices = sample.all[known]
        rows = [self._row_of[int(collected.identity[index])] for index in indices]
        batch = self._batch.take(pa.array(rows, pa.int64()))
        times = None
        if traffic.time is not None:
            moments = to_utc(feature_column(batch, traffic.time.column), traffic.time.unit)
            times = moments.cast(pa.int64()).fill_null(0).to_numpy()
        online = collected.table.online[indices]
        return Evidence(
            batch=batch,
            online=online if noise is None else noise.layer.undo(online),
            mismatched=np.isin(indices, sample.mismatched),
            entity=None if traffic.entity is None else feature_column(batch, traffic.entity),
            time_us=times,
            history=self._history,
            mismatch_rate=mismatch_rate,
            as_answered=None if noise is None or not noise.operations else noise.as_answered,
            inside=sample.inside[known],
            segments=collected.table.segment_values(indices),
        )
