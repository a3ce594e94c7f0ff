"""The hot path, without Spark: Arrow batches of logged rows in, Arrow batches of scores out.

A batch is encoded once; every checkpoint scores it in chunks that fit the caches. What is decided once (types, casts,
globs, which scorer) is decided in :class:`BatchScorer`'s constructor; what runs per batch is tensor work.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.checkpoints import IndexOutOfRange, Scorer
from replay.config import ModelConfig, Scenario
from replay.errors import CheckpointMismatch
from replay.features import REJECT_REASONS, Encoded, Encoder, feature_column
from replay.features.codecs.buffers import as_logged
from replay.features.rejects import MODEL_FAILED, UNKNOWN_VERSION
from replay.scenarios import Donors, LeastChanges, ScenarioPlan, TouchedRows, row_keys
from replay.scenarios.matching import slices_of
from replay.scoring.chunks import ChunkedScorer
from replay.scoring.layout import Carried, scores_schema
from replay.scoring.perturbed import PerturbedScorer, SparseScores
from replay.scoring.poison import score_sound
from replay.scoring.preflight import with_feature
from replay.scoring.routes import Route, ServedRoute, pick, unknown_rows
from replay.scoring.variants import Variant
from replay.spark.types import to_spark_type

MOST_HELD = 65_536
"""Logged rows whose scores are held back until the chunks of their scenarios are full."""


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


@dataclass(frozen=True)
class Work:
    """What is scored, and how: the same for every batch, picklable.

    Attributes:
        model: All that any checkpoint reads, as one contract.
        variants: Columns to fill.
        score_types: Arrow type of each variant's column: float32 or float64.
        carried: Columns that go from the logged batch to the scores table as they are.
        time: Column of the event time, or None.
        time_unit: Unit of an integer time column, or None.
        key: Columns of the row's key, by whose hash rows are chosen.
        seed: Of every random choice.
        routes: By checkpoint name.
        scenarios: What-ifs, in the config's order.
        donors: Rows from the whole table that give their values to others; None where no scenario asks for them.
        least_changes: What gives features the distributions of other tables.
        whole: Checkpoints whose score of a row depends on the rows beside it.
        base_dir: Where perturbations of the user's own are imported from.
        by_feature: Whether a column names the feature that a row is rejected by.
        contract: The contract of checkpoints that have none of their own; None: ``model``.
    """

    model: ModelConfig
    variants: tuple[Variant, ...]
    score_types: Mapping[str, pa.DataType]
    carried: tuple[Carried, ...]
    time: str | None = None
    time_unit: str | None = None
    key: tuple[str, ...] = ()
    seed: int = 0
    routes: Mapping[str, Route] = field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = ()
    donors: Donors | None = None
    least_changes: LeastChanges = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    base_dir: str = ""
    by_feature: bool = True
    contract: ModelConfig | None = None

    @property
    def called(self) -> ModelConfig:
        """How checkpoints without a contract of their own are called."""
        return self.contract or self.model

    def schema(self) -> pa.Schema:
        """Schema of the scores."""
        return scores_schema(self.carried, self.score_types, by_feature=self.by_feature)


@dataclass(frozen=True)
class _Held:
    """A batch of which only the scenarios' scores are still to come.

    Attributes:
        beside: The columns beside the scores.
        rejected: (num_rows,).
        clean: (num_rows,) scores by checkpoint.
        sparse: By variant.
    """

    beside: list[pa.Array]
    rejected: NDArray[np.bool_]
    clean: Mapping[str, NDArray[np.floating]]
    sparse: Mapping[str, SparseScores]


class BatchScorer:
    """Scores Arrow batches under every variant.

    Args:
        work: What is scored.
        schema: Schema of the batches to come.
        scorers: An opened scorer by checkpoint name; routes have none.
        chunk_rows: Rows given to a scorer at once.
        pad_chunks: Fill up chunks that are short of rows, so that a row has the same bits in any batch.
        max_bad_rows: Rows that may be rejected because a model raises for them.

    Attributes:
        schema: Of the scores.
        bad_rows: Rows that were rejected so.
    """

    def __init__(
        self,
        work: Work,
        schema: pa.Schema,
        scorers: Mapping[str, Scorer],
        chunk_rows: int,
        *,
        pad_chunks: bool = True,
        max_bad_rows: int = 0,
    ) -> None:
        self._max_bad_rows = max_bad_rows
        self.bad_rows = 0
        self._work = work
        self._encoder = Encoder(work.model, schema)
        self.schema = work.schema()
        dtypes = {
            variant.checkpoint: np.float64 if work.score_types[variant.name] == pa.float64() else np.float32
            for variant in work.variants
        }
        self._scorers = {
            name: ChunkedScorer(scorer, chunk_rows, dtypes[name], pad=pad_chunks) for name, scorer in scorers.items()
        }
        types = self._encoder.types
        plans = {
            scenario.name: ScenarioPlan(
                scenario, work.model, types, work.seed, work.donors, work.base_dir, work.least_changes
            )
            for scenario in work.scenarios
        }
        self.perturbed = PerturbedScorer(
            self._encoder, plans, work.variants, self._scorers, work.routes, work.whole, dtypes
        )

    def run(self, batches: Iterable[pa.RecordBatch], stopwatch: Stopwatch) -> Iterator[pa.RecordBatch]:
        """Yield one batch of scores for each batch of logged rows, in order; with scenarios a few batches later.

        Raises:
            CheckpointMismatch: A model refused a batch, or a logged value is no index of its table.
        """
        try:
            yield from self._run(batches, stopwatch)
        except IndexOutOfRange as error:
            # Spark passes errors on as text, and gives the classes of `replay.errors` back.
            raise CheckpointMismatch(str(with_feature(error, self._encoder))) from error

    def _run(self, batches: Iterable[pa.RecordBatch], stopwatch: Stopwatch) -> Iterator[pa.RecordBatch]:
        most = MOST_HELD if self._work.scenarios else 0
        held: list[_Held] = []
        for batch in stopwatch.timed("read", batches):
            if batch.num_rows == 0:
                continue
            held.append(self._begin(batch, stopwatch))
            if sum(each.rejected.size for each in held) >= most:
                yield from self._finish(held, stopwatch)
                held = []
        yield from self._finish(held, stopwatch)

    def _begin(self, batch: pa.RecordBatch, stopwatch: Stopwatch) -> _Held:
        """Encode a batch, score it as logged, and put the rows that scenarios touch in line."""
        start = time.perf_counter()
        encoded = self._encode(batch)
        assigned = {name: route.assign(batch) for name, route in self._work.routes.items()}
        encoded = _without_unknown(encoded, assigned.values())
        scoring = time.perf_counter()
        stopwatch.seconds["encode"] += scoring - start
        clean, encoded = self._score_clean(encoded)
        scored = time.perf_counter()
        stopwatch.seconds["score"] += scored - scoring
        rejected = encoded.rejected != 0
        beside = [carry(batch, column, self._work.time_unit) for column in self._work.carried]
        beside.extend(self._why_rejected(batch, encoded.rejected, any_rejected=bool(rejected.any())))
        scoring = time.perf_counter()
        stopwatch.seconds["encode"] += scoring - scored
        for name, route in self._work.routes.items():
            clean[name] = pick(assigned[name], [clean[member] for member in route.members])
        sparse: dict[str, SparseScores] = {}
        if self._work.scenarios:
            sparse = self.perturbed.begin(self._rows(batch, ~rejected), encoded, assigned)
        stopwatch.seconds["score"] += time.perf_counter() - scoring
        return _Held(beside, rejected, clean, sparse)

    def _score_clean(self, encoded: Encoded) -> tuple[dict[str, NDArray[np.floating]], Encoded]:
        """Scores of the rows as logged, by checkpoint; rows that a model raises for are rejected, if any may be."""
        left = self._max_bad_rows - self.bad_rows
        clean, failing, tensors = score_sound(self._scorers, encoded.tensors, left)
        if not failing.any():
            return clean, encoded
        why = np.where((encoded.rejected == 0) & failing, np.int8(MODEL_FAILED), encoded.rejected)
        self.bad_rows += int(np.count_nonzero(why == MODEL_FAILED))
        return clean, replace(encoded, tensors=dict(tensors), rejected=why)

    def _encode(self, batch: pa.RecordBatch) -> Encoded:
        """Encode a batch; what is read more than once is turned round once, where a scorer does it as it copies."""
        encoded = self._encoder.encode(batch)
        if len(self._scorers) == 1 and not self._work.scenarios:
            return encoded
        return replace(encoded, tensors={name: tensor.contiguous() for name, tensor in encoded.tensors.items()})

    def _why_rejected(self, batch: pa.RecordBatch, rejected: NDArray[np.int8], *, any_rejected: bool) -> list[pa.Array]:
        """The columns that say why rows are rejected; who is to blame is looked for in batches that reject any."""
        reasons = _reasons(rejected, any_rejected=any_rejected)
        if not self._work.by_feature:
            return [reasons]
        return [reasons, self._blame(batch, rejected) if any_rejected else pa.nulls(len(rejected), pa.string())]

    def _blame(self, batch: pa.RecordBatch, rejected: NDArray[np.int8]) -> pa.Array:
        """The feature by which each row is rejected; of a version that is unknown, its column."""
        by_version = pa.array(rejected == UNKNOWN_VERSION)
        routes = self._work.routes.values()
        column = next((route.column for route in routes if isinstance(route, ServedRoute)), None)
        of_row = (rejected == UNKNOWN_VERSION) | (rejected == MODEL_FAILED)
        blamed = self._encoder.blame(batch, np.where(of_row, 0, rejected))
        return pc.if_else(by_version, pa.scalar(column, pa.string()), blamed)

    def _finish(self, held: Sequence[_Held], stopwatch: Stopwatch) -> Iterator[pa.RecordBatch]:
        """Score the rows in line, and give a batch of scores for each that was held."""
        start = time.perf_counter()
        self.perturbed.finish()
        stopwatch.seconds["score"] += time.perf_counter() - start
        for each in held:
            start = time.perf_counter()
            columns = [self._column(each, variant) for variant in self._work.variants]
            scores = pa.RecordBatch.from_arrays([*each.beside, *columns], schema=self.schema)
            stopwatch.seconds["score"] += time.perf_counter() - start
            yield scores

    def _column(self, held: _Held, variant: Variant) -> pa.Array:
        """The scores of one variant."""
        dtype = self._work.score_types[variant.name]
        if variant.scenario is not None:
            return _sparse_column(held.sparse[variant.name], held.rejected, dtype)
        mask = held.rejected if held.rejected.any() else None
        return pa.array(held.clean[variant.checkpoint], type=dtype, mask=mask)

    def _rows(self, batch: pa.RecordBatch, accepted: NDArray[np.bool_]) -> TouchedRows:
        """The batch as scenarios see it."""
        time_us = has_time = None
        if self._work.time is not None:
            times = to_utc(feature_column(batch, self._work.time), self._work.time_unit)
            has_time = times.is_valid().to_numpy(zero_copy_only=False)
            time_us = times.cast(pa.int64()).fill_null(0).to_numpy()
        columns = self._encoder.columns(batch)
        return TouchedRows(
            keys=_keys(batch, self._work.key),
            accepted=accepted,
            time_us=time_us,
            has_time=has_time,
            column=lambda name: as_logged(columns[name], self._encoder.types[name]),
            side=batch.column,
            slices=lambda by: slices_of(batch, by),
        )


def _without_unknown(encoded: Encoded, assigned: Iterable[NDArray[np.int64]]) -> Encoded:
    """The same, with rows rejected that online served by a checkpoint that is not here."""
    unknown = unknown_rows(assigned, len(encoded.rejected))
    if not unknown.any():
        return encoded
    by_version = (encoded.rejected == 0) & unknown
    return replace(encoded, rejected=np.where(by_version, np.int8(UNKNOWN_VERSION), encoded.rejected))


def _keys(batch: pa.RecordBatch, columns: Sequence[str]) -> NDArray[np.uint64]:
    return row_keys([feature_column(batch, name) for name in columns])


def _sparse_column(found: SparseScores, rejected: NDArray[np.bool_], dtype: pa.DataType) -> pa.Array:
    """The scores of touched rows, null elsewhere: there the checkpoint's own score holds."""
    values = np.zeros(rejected.size, dtype=found.scores.dtype)
    values[found.rows] = found.scores
    untouched = np.ones(rejected.size, dtype=bool)
    untouched[found.rows] = False
    return pa.array(values, type=dtype, mask=untouched | rejected)


def _reasons(rejected: np.ndarray, *, any_rejected: bool) -> pa.Array:
    """Turn reject codes into the reason's name; null for an accepted row."""
    if not any_rejected:
        return pa.nulls(len(rejected), pa.string())
    names = pa.array([reason or None for reason in REJECT_REASONS], pa.string())
    return names.take(pa.array(rejected.astype(np.int32)))


def carry(batch: pa.RecordBatch, column: Carried, time_unit: str | None) -> pa.Array:
    """One logged column, in the type that the scores table stores it in."""
    values = feature_column(batch, column.path)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if column.role == "time":
        return to_utc(values, time_unit)
    if column.role == "number" and pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    return to_spark_type(values, column.type)


def to_utc(values: pa.Array, unit: str | None) -> pa.Array:
    """Read event times as instants in UTC, to the microsecond.

    Args:
        values: Timestamps (those without a zone are UTC), dates, or integers of ``unit`` since the epoch.
        unit: ``s``, ``ms``, ``us`` or ``ns`` for integers; of other times it counts for nothing.
    """
    micros = pa.timestamp("us", tz="UTC")
    if unit is not None and not pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64()).cast(pa.timestamp(unit, tz="UTC"))
    elif not pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us"))
    if values.type.tz is None:
        values = pc.assume_timezone(values, "UTC")
    # A nanosecond time falls into the microsecond that holds it, as Spark reads it.
    return values.cast(micros, safe=False)
