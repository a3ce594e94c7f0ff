"""What was logged of some entities, collected: where a diagnosis looks for older values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from replay.config.sections.traffic import Window
from replay.spark.errors import traffic_errors
from replay.spark.guest import arrow_dataframe
from replay.spark.sql import quoted
from replay.spark.types import to_spark_types
from replay.traffic.history import entity_and_time
from replay.traffic.keys import key_hash
from replay.traffic.paths import require_column
from replay.traffic.read.scan import pinned_dataframe, scannable_roots
from replay.traffic.read.window import EPOCH
from replay.traffic.selection import in_window, spark_column
from replay.traffic.times import utc_micros

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

ENTITY: Final = "entity"
TIME_US: Final = "time_us"
_HASH: Final = "key hash"
_CUT: Final = b"replay.complete_after_us"


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
    rows = _rows_of(spark, traffic, entities, roots, until)
    with traffic_errors(traffic.location):
        after = _cut(rows, most_rows)
        kept = rows if after is None else rows.where(f"{TIME_US} > {after}")
        found = kept.toArrow()
    found = found.sort_by([(name, "ascending") for name in (ENTITY, TIME_US, _HASH)]).drop_columns([_HASH])
    names = [ENTITY, TIME_US, *roots]
    entity_type = require_column(traffic.schema, traffic.config.entity or "").type
    types = [entity_type, pa.int64(), *(traffic.schema.field(name).type for name in roots)]
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


def _rows_of(
    spark: SparkSession, traffic: PinnedTraffic, entities: pa.Array, roots: Sequence[str], until: datetime | None
) -> DataFrame:
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
