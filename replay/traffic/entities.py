"""What was logged of some entities, collected: where a diagnosis looks for older values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.config.sections.window import Window
from replay.spark.errors import traffic_errors
from replay.spark.guest import arrow_dataframe
from replay.spark.sql import quoted
from replay.spark.tasks.arrow_mapping import pack_batches, unpack_batches
from replay.spark.types import to_spark_types
from replay.traffic.history import entity_and_time
from replay.traffic.keys import key_hash
from replay.traffic.lookup import find_in_split
from replay.traffic.paths import ColumnPath, require_column
from replay.traffic.read.columns import plan_reading, traffic_window
from replay.traffic.read.direct import ReadPlan, Split, read_split
from replay.traffic.read.scan import files_in_window, pinned_dataframe, scannable_roots
from replay.traffic.read.selecting.skipping import skipping
from replay.traffic.read.selecting.window import EPOCH
from replay.traffic.read.splits import make_splits
from replay.traffic.read.tasks import ask_splits
from replay.traffic.selection import in_window, spark_column
from replay.traffic.times import Unit, micros_of, utc_micros
from replay.xxh64 import hashes_as_spark, spark_xxhash64

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

ENTITY: Final = "entity"
TIME_US: Final = "time_us"
_HASH: Final = "key hash"
_CUT: Final = b"replay.complete_after_us"
_NO_TIMES: Final = np.empty(0, np.int64)


def entity_history(
    spark: SparkSession,
    traffic: PinnedTraffic,
    entities: pa.Array,
    columns: Sequence[str],
    until: datetime | None = None,
    most_rows: int = 500_000,
) -> pa.Table:
    """Collect all rows of some entities from the whole pinned table, whatever ``where``, ``window`` and ``sample`` say.

    Args:
        spark: The session.
        traffic: The pinned table.
        entities: In the logged type of the entity; nulls and repeats don't matter.
        columns: Columns, or paths, which bring their whole top-level column.
        until: Rows before this moment only; default: all.
        most_rows: Of more rows the newest are kept, and :func:`history_note` says from when on.

    Returns:
        ``entity``, ``time_us`` (int64, microseconds since 1970 in UTC), then the top-level columns in their logged
        types; by entity, time, and hash of the key. Rows without a time are left out, and so is a logged column that is
        itself named ``entity`` or ``time_us``.

    Raises:
        ConfigError: The traffic names no entity or no time.
        TrafficError: A column is not there, or of a type that Spark does not have at all.
    """
    roots = [name for name in scannable_roots(traffic, columns) if name not in (ENTITY, TIME_US)]
    entity, time = entity_and_time(traffic, "a history is looked up by it")
    key = [require_column(traffic.schema, name) for name in traffic.config.key]
    whole = _unselected(traffic, until)
    with traffic_errors(traffic.location):
        if whole.direct_problem is None and all(hashes_as_spark(path.type) for path in key):
            unit = None if traffic.config.time is None else traffic.config.time.unit
            wanted = _Entities(entity, time, unit, tuple(key), entities.cast(entity.type).unique().drop_null())
            found, after = _read_direct(spark, whole, wanted, roots, most_rows)
        else:
            rows = _rows_of(spark, traffic, entities, roots, until)
            after = _cut(rows, most_rows)
            found = (rows if after is None else rows.where(f"{TIME_US} > {after}")).toArrow()
    found = found.sort_by([(name, "ascending") for name in (ENTITY, TIME_US, _HASH)]).drop_columns([_HASH])
    names = [ENTITY, TIME_US, *roots]
    types = [entity.type, pa.int64(), *(traffic.schema.field(name).type for name in roots)]
    table = found.rename_columns(names).cast(pa.schema(list(zip(names, types, strict=True))))
    return table if after is None else table.replace_schema_metadata({_CUT: str(after)})


def history_note(history: pa.Table) -> str | None:
    """What :func:`entity_history` left out, in words; None where it is complete."""
    after = (history.schema.metadata or {}).get(_CUT)
    if after is None:
        return None
    moment = EPOCH + timedelta(microseconds=int(after))
    return (
        f"the history of these entities was too long: its newest {history.num_rows:,} rows are used, those after "
        f"{moment.isoformat().replace('+00:00', 'Z')}; older values were not tried"
    )


def _unselected(traffic: PinnedTraffic, until: datetime | None) -> PinnedTraffic:
    """All rows of the pinned table before a moment, whatever else the config selects."""
    window = None if until is None else Window(end=until)
    return replace(traffic, config=traffic.config.model_copy(update={"where": None, "sample": None, "window": window}))


@dataclass(frozen=True)
class _Entities:
    """Rows of some entities, with a time.

    Attributes:
        entity: Their column.
        time: Of the event.
        unit: Of an integer time.
        key: The key's columns.
        values: The entities, of the column's type.
        after: Rows of no later time are left out; None: none are.
    """

    entity: ColumnPath
    time: ColumnPath
    unit: Unit | None
    key: tuple[ColumnPath, ...]
    values: pa.Array
    after: int | None = None

    @property
    def roots(self) -> list[str]:
        """Top-level columns that it looks at."""
        return list(dict.fromkeys((self.entity.root, self.time.root, *(path.root for path in self.key))))

    def times(self, batch: pa.RecordBatch) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Times of a batch's rows, and which rows are wanted, (num_rows,) each."""
        micros, has_time = micros_of(self.time.values(batch), self.unit)
        among = pc.is_in(self.entity.values(batch), value_set=self.values).to_numpy(zero_copy_only=False)
        wanted = among & has_time
        return micros, wanted if self.after is None else wanted & (micros > self.after)

    def rows(self, batch: pa.RecordBatch) -> list[int]:
        """See :class:`replay.traffic.lookup.RowFinder`."""
        rows: list[int] = np.flatnonzero(self.times(batch)[1]).tolist()
        return rows

    def facts(self, batch: pa.RecordBatch, roots: Sequence[str]) -> pa.RecordBatch:
        """Entity, time, and hash of the key of rows that are wanted, then their columns."""
        columns = {
            ENTITY: self.entity.values(batch),
            TIME_US: pa.array(self.times(batch)[0]),
            _HASH: pa.array(spark_xxhash64([path.values(batch) for path in self.key])),
            **{f"c{place}": batch.column(name) for place, name in enumerate(roots)},
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _read_direct(
    spark: SparkSession, traffic: PinnedTraffic, wanted: _Entities, roots: Sequence[str], most: int
) -> tuple[pa.Table, int | None]:
    """The rows by tasks: first the times of the newest, which say how far back they go; then what they hold."""
    splits = make_splits(files_in_window(spark, traffic), traffic_window(traffic), skipping=skipping(traffic))
    narrow, full = plan_reading(traffic, wanted.roots), plan_reading(traffic, [*dict.fromkeys([*wanted.roots, *roots])])

    def newest(split: Split, given: tuple[ReadPlan, _Entities]) -> NDArray[np.int64]:
        plan, wanted = given
        found = (micros[rows] for micros, rows in map(wanted.times, read_split(split, plan)))
        return _newest(np.concatenate([_NO_TIMES, *found]), most)

    kept, there = _NO_TIMES, []
    for split, times in zip(splits, ask_splits(spark, splits, (narrow, wanted), newest), strict=True):
        kept = _newest(np.concatenate((kept, times)), most)
        there += [split] if len(times) else []
    after = int(kept.min()) if len(kept) > most else None
    wanted = replace(wanted, after=after)

    def look(split: Split, given: tuple[ReadPlan, ReadPlan, _Entities]) -> bytes:
        return pack_batches(given[2].facts(batch, roots) for batch in find_in_split(split, *given))

    found = [
        batch for packed in ask_splits(spark, there, (narrow, full, wanted), look) for batch in unpack_batches(packed)
    ]
    nobody = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in full.schema], schema=full.schema)
    return pa.Table.from_batches(found or [wanted.facts(nobody, roots)]), after


def _newest(times: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The newest times, one more than so many: that one says after which time there are no more."""
    return times if len(times) <= most + 1 else np.partition(times, len(times) - most - 1)[-most - 1 :]


def _rows_of(
    spark: SparkSession, traffic: PinnedTraffic, entities: pa.Array, roots: Sequence[str], until: datetime | None
) -> DataFrame:
    """The rows as Spark reads them."""
    from pyspark.sql import functions as F

    schema, config = traffic.schema, traffic.config
    entity, time = entity_and_time(traffic, "a history is looked up by it")
    key = [require_column(schema, name) for name in config.key]
    reads = dict.fromkeys([*roots, *(path.root for path in (entity, time, *key))])
    rows = pinned_dataframe(spark, traffic, list(reads))
    if until is not None:
        before = in_window(schema, config.model_copy(update={"window": Window(end=until)}))
        rows = rows if before is None else rows.where(before)
    distinct = to_spark_types(pa.RecordBatch.from_arrays([entities.cast(entity.type).unique()], ["wanted"]))
    wanted = arrow_dataframe(spark, pa.Table.from_batches([distinct]))
    rows = rows.join(F.broadcast(wanted), spark_column(entity) == F.col("wanted"), "left_semi")
    facts = {
        ENTITY: spark_column(entity),
        TIME_US: utc_micros(time, config.time.unit if config.time is not None else None),
        _HASH: key_hash([spark_column(path) for path in key]),
    }
    values = (F.col(quoted(name)).alias(f"c{place}") for place, name in enumerate(roots))
    return rows.select(*(fact.alias(name) for name, fact in facts.items()), *values).where(f"{TIME_US} IS NOT NULL")


def _cut(rows: DataFrame, most: int) -> int | None:
    """The time after which there are at most ``most`` rows; None where there are no more in all."""
    from pyspark.sql import functions as F

    count = rows.count()
    if count <= most:
        return None
    share = max(0.0, 1 - most / count)
    # A rank may be off by one in the accuracy: two in a hundred thousand are given up for it.
    found = rows.agg(F.percentile_approx(TIME_US, min(1.0, share + 2e-5), 100_000).alias("after")).toArrow()
    return int(found["after"][0].as_py())
