"""The scores table as the incident search takes it: compact columns on the driver, and the keys of chosen rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import ReplayConfig
from replay.diagnosis.incidents.rows import RowTable
from replay.scoring import REJECTED, Variant
from replay.spark.guest import arrow_dataframe
from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

MOST_ROWS = 20_000_000
"""Rows that the search holds; of a larger table it sees a sample by hash. 48 bytes each, and 4 a segment."""
_VARIANT = "variant "


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


def collect_rows(scores: DataFrame, config: ReplayConfig, total: int, others: Sequence[Variant] = ()) -> CollectedRows:
    """Bring the baseline's rows to the driver.

    Args:
        scores: The scores table.
        config: With a time column.
        total: Rows of the table.
        others: Variants whose scores are wanted too.
    """
    from pyspark.sql import functions as F

    traffic = config.traffic
    if traffic.time is None:
        raise ValueError("found no time column, expected one: incidents are stretches of time")
    time = _column(traffic.time.column)
    wanted = {
        "time_us": F.unix_micros(time),
        "online": _column(traffic.score).cast("double"),
        "replayed": _column(config.baseline).cast("double"),
        "identity": F.xxhash64(*(_column(name) for name in traffic.key)),
    }
    for name, column in (("label", traffic.label), ("weight", traffic.weight)):
        if column is not None:
            wanted[name] = _column(column).cast("double")
    if traffic.group is not None:
        wanted["group"] = F.xxhash64(_column(traffic.group))
    for index, segment in enumerate(traffic.segments):
        wanted[f"segment {index}"] = _column(segment).cast("string")
    for variant in others:
        # Where a scenario did not touch a row, its checkpoint's score holds.
        filled = _column(variant.name) if variant.scenario is None else _filled(variant)
        wanted[f"{_VARIANT}{variant.name}"] = filled.cast("double")
    selected = scores.where(_column(REJECTED).isNull() & time.isNotNull())
    share = min(1.0, MOST_ROWS / max(total, 1))
    if share < 1.0:
        selected = selected.where(F.pmod(wanted["identity"], F.lit(1 << 20)) < F.lit(int(share * (1 << 20))))
    return rows_from_arrow(
        selected.select(*(column.alias(name) for name, column in wanted.items())).toArrow(), traffic.segments, share
    )


def rows_from_arrow(found: pa.Table, segments: Sequence[str], share: float = 1.0) -> CollectedRows:
    """Turn collected columns into a row table.

    Args:
        found: ``time_us``, ``online``, ``replayed``, ``identity``; perhaps ``label``, ``weight``, ``group``, and
            ``segment 0`` and so on, and ``variant NAME`` of other variants.
        segments: Names of the segments.
        share: See :class:`CollectedRows`.
    """
    times = found.column("time_us").to_numpy()
    order = np.argsort(times, kind="stable")
    optional = {
        name: _numbers(found, name)[order] if name in found.column_names else None for name in ("label", "weight")
    }
    group = found.column("group").to_numpy()[order] if "group" in found.column_names else None
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
            group=group,
            compared=has_both & ~(np.isnan(online) & np.isnan(replayed)),
            **optional,
        ),
        found.column("identity").to_numpy()[order],
        share,
        {name: np.where(np.isfinite(column), column, np.nan) for name, column in others.items()},
    )


def _variants(found: pa.Table) -> list[str]:
    return [name.removeprefix(_VARIANT) for name in found.column_names if name.startswith(_VARIANT)]


def _filled(variant: Variant) -> Column:
    from pyspark.sql import functions as F

    return F.coalesce(_column(variant.name), _column(variant.checkpoint))


def _numbers(found: pa.Table, name: str) -> NDArray[np.float64]:
    column: NDArray[np.float64] = found.column(name).to_numpy().astype(np.float64)
    return column


def _valid(found: pa.Table, name: str) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = found.column(name).is_valid().to_numpy()
    return valid


def _codes(found: pa.Table, index: int, order: NDArray[np.int64]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    encoded = found.column(f"segment {index}").combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int32)
    return codes[order], tuple(encoded.dictionary.to_pylist())


def keys_of(scores: DataFrame, key: Sequence[str], identities: NDArray[np.int64]) -> dict[int, dict[str, Any]]:
    """Find the keys of rows by the hash of their key.

    Args:
        scores: The scores table.
        key: The key's columns.
        identities: (num_wanted,) hashes.

    Returns:
        Key by hash, of those that are there.
    """
    from pyspark.sql import functions as F

    wanted = arrow_dataframe(scores.sparkSession, pa.table({"identity": pa.array(np.unique(identities))}))
    hashed = scores.select(F.xxhash64(*(_column(name) for name in key)).alias("identity"), *map(_column, key))
    found = hashed.join(F.broadcast(wanted), "identity", "left_semi").collect()
    return {row[0]: dict(zip(key, row[1:], strict=True)) for row in found}


def _column(name: str) -> Column:
    from pyspark.sql import functions as F

    return F.col(quoted(name))
