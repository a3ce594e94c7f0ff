"""A run's tables read in this process, where it reaches them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from replay.files.places import local_path
from replay.files.reading import open_input
from replay.spark.delta.files import live_files


def read_arrow_table(path: str) -> pa.Table | None:
    """Read a Delta table of a run without Spark.

    Args:
        path: Of the table.

    Returns:
        Its rows, with times in UTC; None where only Spark can read it.
    """
    files = live_files(local_path(path) or path)
    if not files:
        return None
    parts = [_read(file) for file in files]
    # Spark writes what is not nullable as such only where it knows.
    schema = pa.schema([pa.field(field.name, field.type) for field in parts[0].schema])
    return pa.concat_tables([part.select(schema.names).cast(schema) for part in parts])


def _read(path: str) -> pa.Table:
    with open_input(path) as source:
        file = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        table = file.read()
    leaves = (file.schema.column(place) for place in range(len(file.schema)))
    for name in (leaf.path for leaf in leaves if leaf.physical_type == "INT96" and leaf.path in table.schema.names):
        # Spark's times with a zone, in UTC, which this old form does not say.
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(place).cast(pa.timestamp("us", tz="UTC")))
    return table
