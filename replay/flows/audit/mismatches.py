"""How many of the rows that online scored otherwise the other table's values explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.config import Tolerance
from replay.diff.chunk import Column, read_numbers
from replay.diff.tolerance import agrees
from replay.metrics.interval import wilson
from replay.metrics.value import MetricValue
from replay.spark.tasks.arrow_mapping import Batches

Counts = NDArray[np.int64]

NO_MISMATCH = "no row's online score differs from the replay beyond the tolerance"
NO_DIFFERENCE = MetricValue(None, None, None, 0, "no difference of the tables was replayed")


def explained_mismatches(
    scores: Batches, score: str, variants: Mapping[str, tuple[str, str]], tolerance: Tolerance
) -> dict[str, MetricValue]:
    """Count the rows that disagree with online as they were logged, and agree with the other table's values.

    Args:
        scores: The scores table.
        score: Its column of online scores.
        variants: By audit, the variant with all of the other table's values, and the checkpoint that it replays.
        tolerance: When two scores agree.
    """
    columns = tuple(dict.fromkeys([score, *(name for both in variants.values() for name in both)]))
    size = (len(variants), 2)

    def update(batches: Iterable[pa.RecordBatch]) -> bytes:
        counts = np.zeros(size, dtype=np.int64)
        for batch in batches:
            online = _numbers(batch.column(score))
            for place, (variant, checkpoint) in enumerate(variants.values()):
                logged = _numbers(batch.column(checkpoint))
                other = _numbers(pc.coalesce(batch.column(variant), batch.column(checkpoint)))
                counts[place] += _counted(online, logged, other, tolerance)
        return counts.tobytes()

    def unpack(packed: bytes) -> Counts:
        return np.frombuffer(packed, np.int64).reshape(size)

    def merge(states: Iterable[bytes]) -> bytes:
        return sum(map(unpack, states), np.zeros(size, dtype=np.int64)).tobytes()

    counts = unpack(merge(scores.fold(columns, update, merge))) if variants else np.zeros(size, dtype=np.int64)
    return {name: _value(*map(int, pair)) for name, pair in zip(variants, counts, strict=True)}


def _numbers(column: pa.Array) -> Column:
    return read_numbers(pa.chunked_array([column]))


def _counted(online: Column, logged: Column, other: Column, tolerance: Tolerance) -> tuple[int, int]:
    """Rows that disagree as they were logged, and those of them that agree otherwise."""
    compared = online.valid & logged.valid
    mismatched = compared & ~agrees(logged.values, online.values, tolerance)
    agreeing = mismatched & other.valid & agrees(other.values, online.values, tolerance)
    return int(mismatched.sum()), int(agreeing.sum())


def _value(mismatched: int, agreeing: int) -> MetricValue:
    if not mismatched:
        return MetricValue(None, None, None, 0, NO_MISMATCH)
    return MetricValue(agreeing / mismatched, *wilson(agreeing, mismatched), mismatched)
