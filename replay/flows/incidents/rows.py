"""The scores table as the incident search takes it: compact columns on the driver, and the keys of chosen rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.config import TrafficConfig
from replay.diagnosis.incidents.rows import RowTable
from replay.flows.stages.prepare import Prepared
from replay.scoring import REJECTED, Variant
from replay.scoring.core import to_utc
from replay.spark.guest import arrow_dataframe
from replay.spark.tasks.arrow_mapping import Batches
from replay.xxh64 import spark_xxhash64

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_ROWS = 20_000_000
"""Rows that the search holds; of a larger table it sees a sample by hash. 56 bytes each, and 4 a segment."""
_VARIANT = "variant "
_IDENTITY = "identity"
_DRAW = 1 << 20


@dataclass(frozen=True)
class CollectedRows:
    """Rows of the baseline, sorted by time.

    Attributes:
        table: What the search reads.
        identity: (num_rows,) int64, a hash of each row's key.
        share: Share of the scores table's rows that are here; 1 unless the table is larger than ``MOST_ROWS``.
        others: (num_rows,) float64 scores of each other variant that was asked for; NaN as in the table.
    """

    table: RowTable
    identity: NDArray[np.int64]
    share: float
    others: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def collect_rows(prepared: Prepared, scores: Batches, total: int, others: Sequence[Variant] = ()) -> CollectedRows:
    """Bring the baseline's rows to the driver.

    Args:
        prepared: The run, with a time column.
        scores: The scores table.
        total: Its rows.
        others: Variants whose scores are wanted too.
    """
    traffic = prepared.config.traffic
    if traffic.time is None:
        raise ValueError("found no time column, expected one: incidents are stretches of time")
    share = min(1.0, MOST_ROWS / max(total, 1))
    compact = partial(_compact_batch, traffic=traffic, baseline=prepared.config.baseline, others=others, share=share)
    optional = (traffic.label, traffic.weight, traffic.group, traffic.entity)
    variants = (name for one in others for name in (one.name, one.checkpoint))
    named = (REJECTED, traffic.time.column, traffic.score, prepared.config.baseline, *traffic.key, *traffic.segments)
    columns = dict.fromkeys([*named, *(name for name in optional if name is not None), *variants])
    found = scores.gather(list(columns), lambda batches: map(compact, batches))
    table = pa.Table.from_batches(found or [compact(_no_rows(prepared.job.work.schema()))])
    for index in range(len(traffic.segments)):
        table = table.set_column(
            table.schema.get_field_index(f"segment {index}"),
            f"segment {index}",
            _segment_texts(prepared.spark, table.column(f"segment {index}")),
        )
    return rows_from_arrow(table, traffic.segments, share)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _compact_batch(
    batch: pa.RecordBatch, traffic: TrafficConfig, baseline: str, others: Sequence[Variant], share: float
) -> pa.RecordBatch:
    """The columns of :func:`rows_from_arrow` of the rows that have a score and a time, and are in the sample."""
    time = traffic.time
    if time is None:
        raise ValueError("found no time column, expected one")
    kept = pc.and_(batch.column(REJECTED).is_null(), batch.column(time.column).is_valid())
    batch = batch if kept.false_count == 0 else batch.filter(kept)
    identity = _identities(batch, traffic.key)
    if share < 1.0:
        drawn = (identity & (_DRAW - 1)) < int(share * _DRAW)
        batch, identity = batch.filter(pa.array(drawn)), identity[drawn]
    columns = {
        "time_us": to_utc(batch.column(time.column), time.unit).cast(pa.int64()),
        "online": _doubles(batch.column(traffic.score)),
        "replayed": _doubles(batch.column(baseline)),
        "identity": pa.array(identity),
    }
    for name, column in (("label", traffic.label), ("weight", traffic.weight)):
        if column is not None:
            columns[name] = _doubles(batch.column(column))
    if traffic.group is not None:
        columns["group"] = pa.array(spark_xxhash64([batch.column(traffic.group)]))
    if traffic.entity is not None:
        entity = batch.column(traffic.entity)
        # Rows of nobody in particular are not rows of one.
        columns["entity"] = pc.if_else(entity.is_valid(), pa.array(spark_xxhash64([entity])), pa.array(identity))
    for index, segment in enumerate(traffic.segments):
        columns[f"segment {index}"] = batch.column(segment).dictionary_encode()
    for variant in others:
        # Where a scenario did not touch a row, its checkpoint's score holds.
        own = batch.column(variant.name)
        filled = own if variant.scenario is None else pc.coalesce(own, batch.column(variant.checkpoint))
        columns[f"{_VARIANT}{variant.name}"] = _doubles(filled)
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _identities(batch: pa.RecordBatch, key: Sequence[str]) -> NDArray[np.int64]:
    return spark_xxhash64([batch.column(name) for name in key])


def _doubles(column: pa.Array) -> pa.Array:
    return column.cast(pa.float64(), safe=False)


def _segment_texts(spark: SparkSession, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A segment's values as the text that Spark casts them to, dictionary-encoded.

    How Java writes a float, and Spark a time, they alone know: they are asked for the distinct values.
    """
    encoded = _one_dictionary(column)
    values = encoded.dictionary
    types = pa.types
    if types.is_string(values.type):
        return pa.chunked_array([encoded])
    if types.is_integer(values.type) or types.is_boolean(values.type) or types.is_date(values.type):
        texts = values.cast(pa.string())
    else:
        numbered = pa.table({"place": pa.array(range(len(values)), pa.int64()), "value": values})
        texts = arrow_dataframe(spark, numbered).selectExpr("place", "CAST(value AS string) AS text").toArrow()
        texts = texts.sort_by("place").column("text").combine_chunks()
    return pa.chunked_array([pa.DictionaryArray.from_arrays(encoded.indices, texts).dictionary_decode()])


def _one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column with one dictionary for all of its chunks."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded


def rows_from_arrow(found: pa.Table, segments: Sequence[str], share: float = 1.0) -> CollectedRows:
    """Turn collected columns into a row table.

    Args:
        found: ``time_us``, ``online``, ``replayed``, ``identity``; perhaps ``label``, ``weight``, ``group``,
            ``entity``, and ``segment 0`` and so on, and ``variant NAME`` of other variants.
        segments: Names of the segments.
        share: See :class:`CollectedRows`.
    """
    times = found.column("time_us").to_numpy()
    order = np.argsort(times, kind="stable")
    optional = {
        name: _numbers(found, name)[order] if name in found.column_names else None for name in ("label", "weight")
    }
    hashes = {name: found.column(name).to_numpy()[order] for name in ("group", "entity") if name in found.column_names}
    online, replayed = _numbers(found, "online")[order], _numbers(found, "replayed")[order]
    # A score that is not finite on one side only is a difference; a score that is not there is none.
    others = {name: _numbers(found, f"{_VARIANT}{name}")[order] for name in _variants(found)}
    has_both = _valid(found, "online")[order] & _valid(found, "replayed")[order]
    online, replayed = (np.where(np.isfinite(column), column, np.nan) for column in (online, replayed))
    return CollectedRows(
        RowTable(
            time_us=times[order],
            online=online,
            replayed=replayed,
            segments={name: _codes(found, index, order) for index, name in enumerate(segments)},
            group=hashes.get("group"),
            entity=hashes.get("entity"),
            compared=has_both & ~(np.isnan(online) & np.isnan(replayed)),
            **optional,
        ),
        found.column("identity").to_numpy()[order],
        share,
        {name: np.where(np.isfinite(column), column, np.nan) for name, column in others.items()},
    )


def _variants(found: pa.Table) -> list[str]:
    return [name.removeprefix(_VARIANT) for name in found.column_names if name.startswith(_VARIANT)]


def _numbers(found: pa.Table, name: str) -> NDArray[np.float64]:
    column: NDArray[np.float64] = found.column(name).to_numpy().astype(np.float64)
    return column


def _valid(found: pa.Table, name: str) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = found.column(name).is_valid().to_numpy()
    return valid


def _codes(found: pa.Table, index: int, order: NDArray[np.int64]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    encoded = _one_dictionary(found.column(f"segment {index}"))
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int32)
    return codes[order], tuple(encoded.dictionary.to_pylist())


def keys_of(scores: Batches, key: Sequence[str], identities: NDArray[np.int64]) -> dict[int, dict[str, Any]]:
    """Find the keys of rows by the hash of their key.

    Args:
        scores: The scores table.
        key: The key's columns.
        identities: (num_wanted,) hashes.

    Returns:
        Key by hash, of those that are there.
    """
    wanted = np.unique(identities)

    def matching(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            hashed = _identities(batch, key)
            rows = np.flatnonzero(np.isin(hashed, wanted, kind="sort"))
            if len(rows):
                taken = batch.take(pa.array(rows))
                yield pa.RecordBatch.from_arrays([pa.array(hashed[rows]), *taken.columns], [_IDENTITY, *key])

    found: dict[int, dict[str, Any]] = {}
    for batch in scores.gather(key, matching):
        identity, *values = (column.to_pylist() for column in batch.columns)
        found.update((one, dict(zip(key, row, strict=True))) for one, *row in zip(identity, *values, strict=True))
    return found
