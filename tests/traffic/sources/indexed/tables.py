"""Another table of real kinds of columns, and an index of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from replay.config import SourceConfig
from replay.traffic import PinnedSource, PinnedTraffic, open_source, open_traffic
from replay.traffic.sources.indexed.build import index_source
from replay.traffic.sources.indexed.index import SourceIndex
from tests.traffic.tables import traffic_config, write

ROWS = 500


def logged() -> pa.Table:
    """Rows of which each second one has a partner."""
    return pa.table({"id": [f"r{row}" for row in range(ROWS)], "place": range(ROWS), "score": [0.5] * ROWS})


def served(rows: int = ROWS) -> pa.Table:
    """Even rows of the traffic, and others, in another order."""
    order = np.random.default_rng(3).permutation(rows)
    return pa.table(
        {
            "key": [f"r{2 * row}" for row in order],
            "f": pa.array(
                [{"x": row / 2, "tags": [row, row + 1]} if row % 7 else None for row in order.tolist()],
                pa.struct([("x", pa.float64()), ("tags", pa.list_(pa.int64()))]),
            ),
            "word": pa.array([None if row % 5 == 0 else f"w{row % 11}" for row in order.tolist()]),
            "other": pa.array(order, pa.int64()),
        }
    )


def opened(
    spark: SparkSession, folder: Path, tables: list[pa.Table], **settings: Any
) -> tuple[PinnedTraffic, PinnedSource]:
    """The traffic, and a source of a file for each table."""
    write(folder / "traffic" / "t.parquet", logged())
    for number, table in enumerate(tables):
        write(folder / "served" / f"{number}.parquet", table, row_group_size=64)
    config = traffic_config(folder / "traffic")
    given = {"path": str(folder / "served"), "key": {"id": "key"}, "columns": {"x": "f.x", "tags": "f.tags"}}
    source = open_source(spark, "served", SourceConfig.model_validate({**given, **settings}), config)
    return open_traffic(spark, config), source


def indexed(
    spark: SparkSession, folder: Path, tables: list[pa.Table], wanted: list[str], **settings: Any
) -> tuple[PinnedTraffic, PinnedSource, SourceIndex]:
    traffic, source = opened(spark, folder, tables, **settings)
    index = index_source(spark, traffic, source, wanted, folder / "index")
    assert isinstance(index, SourceIndex)
    return traffic, source, index
