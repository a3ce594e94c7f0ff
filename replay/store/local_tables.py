"""A run's tables read in this process, where they lie on a local disk."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from replay.spark.delta_files import live_files
from replay.store.filesystem import local_path


def read_local_table(path: str) -> pa.Table | None:
    """Read a Delta table of a run without Spark.

    Args:
        path: Of the table.

    Returns:
        Its rows, with times in UTC; None where only Spark can read it.
    """
    local = local_path(path)
    files = None if local is None else live_files(local)
    if not files:
        return None
    parts = [_read(file) for file in files]
    # Spark writes what is not nullable as such only where it knows.
    schema = pa.schema([pa.field(field.name, field.type) for field in parts[0].schema])
    return pa.concat_tables([part.select(schema.names).cast(schema) for part in parts])


def _read(path: str) -> pa.Table:
    file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
    table = file.read()
    leaves = (file.schema.column(place) for place in range(len(file.schema)))
    for name in (leaf.path for leaf in leaves if leaf.physical_type == "INT96" and leaf.path in table.schema.names):
        # Spark's times with a zone, in UTC, which this old form does not say.
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(place).cast(pa.timestamp("us", tz="UTC")))
    return table
