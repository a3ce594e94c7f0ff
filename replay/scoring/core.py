"""The hot path, without Spark: Arrow batches of logged rows in, Arrow batches of scores out.

A batch is encoded once; every checkpoint scores it in chunks that fit the caches. What is decided once (types, casts,
globs, which scorer) is decided in :class:`BatchScorer`'s constructor; what runs per batch is tensor work.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from replay.checkpoints import Scorer
from replay.config import ModelConfig
from replay.features import REJECT_REASONS, Encoder, feature_column
from replay.scoring.layout import Carried, scores_schema
from replay.scoring.variants import Variant


@dataclass
class Stopwatch:
    """Seconds spent per stage by one task; ``write`` is the time in which scores were taken off its hands."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("read", "encode", "score", "write"), 0.0))

    def timed(self, stage: str, items: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass items on, counting the time that each took to arrive."""
        iterator = iter(items)
        while True:
            start = time.perf_counter()
            item = next(iterator, None)
            self.seconds[stage] += time.perf_counter() - start
            if item is None:
                return
            yield item


class BatchScorer:
    """Scores Arrow batches under every variant.

    Args:
        model: The model's contract.
        schema: Schema of the batches to come.
        carried: Columns that go from the logged batch to the scores table as they are.
        time_unit: Unit of an integer time column, or None.
        variants: Columns to fill.
        scorers: An opened scorer by checkpoint name.
        score_types: Arrow type of each variant's column: float32 or float64.
        chunk_rows: Rows given to a scorer at once.
        pad_chunks: Fill up the last chunk of a batch. A matrix product adds in an order that depends on its number of
            rows; in chunks of one size a row has the same bits whatever batch or place it comes in.
    """

    def __init__(
        self,
        model: ModelConfig,
        schema: pa.Schema,
        carried: tuple[Carried, ...],
        time_unit: str | None,
        variants: tuple[Variant, ...],
        scorers: Mapping[str, Scorer],
        score_types: Mapping[str, pa.DataType],
        chunk_rows: int,
        *,
        pad_chunks: bool = True,
    ) -> None:
        self._encoder = Encoder(model, schema)
        self._carried = carried
        self._time_unit = time_unit
        self._variants = variants
        self._scorers = scorers
        self._chunk_rows = chunk_rows
        self._pad_chunks = pad_chunks
        self.schema = scores_schema(carried, score_types)

    def run(self, batches: Iterable[pa.RecordBatch], stopwatch: Stopwatch) -> Iterator[pa.RecordBatch]:
        """Yield one batch of scores for each batch of logged rows, in order."""
        for batch in stopwatch.timed("read", batches):
            if batch.num_rows == 0:
                continue
            start = time.perf_counter()
            encoded = self._encoder.encode(batch)
            carried = [_carry(batch, column, self._time_unit) for column in self._carried]
            rejected = encoded.rejected != 0
            reasons = _reasons(encoded.rejected, any_rejected=bool(rejected.any()))
            scoring = time.perf_counter()
            stopwatch.seconds["encode"] += scoring - start
            columns = [self._score(variant, encoded.tensors, batch.num_rows) for variant in self._variants]
            stopwatch.seconds["score"] += time.perf_counter() - scoring
            mask = rejected if rejected.any() else None
            scores = [
                pa.array(column, type=self.schema.field(variant.name).type, mask=mask)
                for variant, column in zip(self._variants, columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays([*carried, reasons, *scores], schema=self.schema)

    def _score(self, variant: Variant, tensors: Mapping[str, torch.Tensor], num_rows: int) -> np.ndarray:
        """Score a batch in chunks; returns (num_rows,), float32 or float64."""
        scorer = self._scorers[variant.checkpoint]
        dtype = np.float64 if self.schema.field(variant.name).type == pa.float64() else np.float32
        scores = np.empty(num_rows, dtype=dtype)
        for start in range(0, num_rows, self._chunk_rows):
            rows = slice(start, min(start + self._chunk_rows, num_rows))
            count = rows.stop - rows.start
            chunk = {name: tensor[rows] for name, tensor in tensors.items()}
            if self._pad_chunks and count < self._chunk_rows:
                chunk = {name: _padded(tensor, self._chunk_rows) for name, tensor in chunk.items()}
            scores[rows] = scorer.score(chunk)[:count].numpy()
        return scores


def _padded(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    """Repeat the last row until there are ``rows``: a real row, so that no model meets what was never logged."""
    missing = rows - len(tensor)
    return torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])])


def _reasons(rejected: np.ndarray, *, any_rejected: bool) -> pa.Array:
    """Turn reject codes into the reason's name; null for an accepted row."""
    if not any_rejected:
        return pa.nulls(len(rejected), pa.string())
    names = pa.array([reason or None for reason in REJECT_REASONS], pa.string())
    return names.take(pa.array(rejected.astype(np.int32)))


def _carry(batch: pa.RecordBatch, column: Carried, time_unit: str | None) -> pa.Array:
    """One logged column, in the type that the scores table stores it in."""
    values = feature_column(batch, column.path)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if column.role == "time":
        return to_utc(values, time_unit)
    if column.role == "number" and pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    return values if values.type == column.type else values.cast(column.type)


def to_utc(values: pa.Array, unit: str | None) -> pa.Array:
    """Read event times as instants in UTC, to the microsecond.

    Args:
        values: Timestamps (those without a zone are UTC), dates, or integers of ``unit`` since the epoch.
        unit: ``s``, ``ms``, ``us`` or ``ns`` for integers, else None.
    """
    micros = pa.timestamp("us", tz="UTC")
    if unit is not None:
        values = values.cast(pa.int64()).cast(pa.timestamp(unit, tz="UTC"))
    elif not pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us"))
    if values.type.tz is None:
        values = pc.assume_timezone(values, "UTC")
    # A nanosecond time falls into the microsecond that holds it, as Spark reads it.
    return values.cast(micros, safe=False)
