"""A few thousand of the selected rows, the same ones every time, from all over the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.hashing import bits, salted
from replay.spark.errors import traffic_errors
from replay.traffic.paths import require_column
from replay.traffic.read.columns import selection_only
from replay.traffic.read.direct import Piece, ReadPlan, Split, read_split
from replay.traffic.read.scan import scan_dataframe
from replay.traffic.read.selecting.filters import sample_threshold
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.read.plan import SplitPlan
    from replay.traffic.table.pinned import PinnedTraffic

SAMPLE_ROWS: Final = 4_096
"""Rows that are drawn, where there are so many."""
SPREAD: Final = 16
"""Row groups that a direct reader takes them from, in as many files as there are."""
_MOST_TRIED: Final = 8 * SPREAD
"""Row groups that are looked into, where the selection leaves nothing of some."""
_PURPOSE: Final = "rehearsal"
_MARGIN: Final = 1.25


@dataclass(frozen=True)
class DrawnRows:
    """Rows drawn by hash.

    Attributes:
        batch: (num_rows,) with the columns of the plan.
        blocks: (num_rows,) int64, which row group each is from; rows of one group have more in common than others.
        of_blocks: Row groups that there are to draw from, one that is too large to be looked at whole counted twice; 0
            where each row was drawn on its own, from all of them.
    """

    batch: pa.RecordBatch
    blocks: NDArray[np.int64]
    of_blocks: int


def first_rows(plan: SplitPlan, most: int) -> pa.RecordBatch | None:
    """The first selected rows, at most so many, with the columns of the table; None where there are none."""
    for split in plan.splits:
        if has_rows(split, plan):
            for batch in read_split(split, plan, batch_rows=most):
                return batch.select(plan.columns)
    return None


def draw_direct(plan: SplitPlan, most: int = SAMPLE_ROWS, most_bytes: int = 128 << 20) -> DrawnRows:
    """Draw selected rows without Spark: from row groups chosen by hash, in different files first.

    Args:
        plan: Of the direct reader.
        most: Rows to draw.
        most_bytes: About so many bytes are decoded; of row groups larger than their share the first rows are looked at.
    """
    units = _in_order(_row_groups(plan.splits))
    share = min(SPREAD, len(units))
    wanted = -(-most // max(1, share))
    batches: list[pa.RecordBatch] = []
    blocks: list[int] = []
    unseen = 0
    for tried, (number, unit) in enumerate(units):
        rows = sum(batch.num_rows for batch in batches)
        if rows >= most or (tried >= _MOST_TRIED and rows):
            break
        if not has_rows(Split((unit,), unit.num_rows), plan):
            continue
        drawn, whole = _draw(unit, number, plan, wanted, most_bytes // share)
        unseen += not whole
        batches.append(drawn)
        blocks.extend([number] * drawn.num_rows)
    batch = pa.concat_batches([_empty(plan.schema), *batches])
    return DrawnRows(batch.slice(0, most).select(plan.columns), np.array(blocks[:most], np.int64), len(units) + unseen)


def draw_scanned(
    spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str], rows: int, most: int = SAMPLE_ROWS
) -> DrawnRows:
    """Draw selected rows by Spark, every row as likely as any other: those whose keys have the smallest hashes.

    Args:
        spark: The session.
        traffic: The pinned table.
        columns: Top-level columns, those of the key among them.
        rows: Selected rows.
        most: Rows to draw.

    Raises:
        TrafficError: A file cannot be read.
    """
    from pyspark.sql import functions as F

    keys = [spark_column(require_column(traffic.schema, name)) for name in traffic.config.key]
    hashed = F.xxhash64(F.lit(_PURPOSE), *keys)
    threshold = sample_threshold(min(1.0, _MARGIN * most / max(1, rows)))
    with traffic_errors(traffic.location):
        selected = scan_dataframe(spark, traffic, columns)
        few = selected if threshold is None else selected.where(hashed < F.lit(threshold))
        table = few.orderBy(hashed).limit(most).toArrow()
    batch = pa.concat_batches([_empty(table.schema), *table.to_batches()])
    return DrawnRows(batch, np.zeros(batch.num_rows, np.int64), 0)


def has_rows(split: Split, plan: ReadPlan) -> bool:
    """Whether a split may have selected rows; what ``where`` and ``sample`` read is looked at, and nothing else."""
    narrow = selection_only(plan)
    return narrow is None or any(True for _ in read_split(split, narrow))


def _row_groups(splits: Sequence[Split]) -> Iterator[Piece]:
    """Every piece, cut into its row groups."""
    for split in splits:
        for piece in split.pieces:
            if piece.rows is not None:
                yield piece
                continue
            for group in piece.row_groups:
                yield replace(piece, row_groups=(group,), num_rows=piece.num_rows // len(piece.row_groups))


def _in_order(units: Iterator[Piece]) -> list[tuple[int, Piece]]:
    """Row groups with their number in the table, by hash; one of each file first, then a second one, and so on."""
    numbered = list(enumerate(units))
    hashes = bits(np.arange(len(numbered), dtype=np.uint64), salted(0, _PURPOSE, "row groups"))
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, int, Piece]] = []
    for place in np.argsort(hashes, kind="stable").tolist():
        number, unit = numbered[place]
        turns[unit.path] = turns.get(unit.path, -1) + 1
        ranked.append((turns[unit.path], len(ranked), number, unit))
    return [(number, unit) for _, _, number, unit in sorted(ranked, key=lambda entry: entry[:2])]


def _draw(unit: Piece, number: int, plan: SplitPlan, wanted: int, most_bytes: int) -> tuple[pa.RecordBatch, bool]:
    """Rows of one row group, those whose places have the smallest hashes, in its order; and whether all were seen."""
    salt = salted(0, _PURPOSE, number)
    batches: list[pa.RecordBatch] = []
    hashes: list[NDArray[np.uint64]] = []
    first = seen = 0
    whole = True
    for batch in read_split(Split((unit,), unit.num_rows), plan, decode_bytes=most_bytes):
        drawn = bits(np.arange(first, first + batch.num_rows, dtype=np.uint64), salt)
        places = _smallest(drawn, wanted)
        batches.append(batch.take(pa.array(places)))
        hashes.append(drawn[places])
        first, seen = first + batch.num_rows, seen + batch.nbytes
        if seen >= most_bytes:
            whole = first >= unit.num_rows
            break
    if not batches:
        return _empty(plan.schema), whole
    return pa.concat_batches(batches).take(pa.array(_smallest(np.concatenate(hashes), wanted))), whole


def _smallest(hashes: NDArray[np.uint64], most: int) -> NDArray[np.int64]:
    """Places of the smallest hashes, in order of place."""
    return np.sort(np.argsort(hashes, kind="stable")[:most])


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
