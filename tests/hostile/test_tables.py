"""Odd, broken and lying tables: a reader gives the values that were written, or one refusal before any is scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.traffic import open_traffic
from tests.flows.case import LOCAL_SESSION
from tests.hostile.delta_tables import DELTA_TABLES, SPARK_TABLES
from tests.hostile.tables import PARQUET_TABLES, OddTable
from tests.traffic.tables import read_direct, traffic_config

TABLES = (*PARQUET_TABLES, *DELTA_TABLES)


def read(table: OddTable, folder: Path, spark: Any = LOCAL_SESSION) -> list[object]:
    """The column of a table, by the order of its ids."""
    table.make(folder)
    traffic = open_traffic(spark, traffic_config(folder / "t"))
    column = read_direct(spark, traffic, ["id", table.column]).sort_by("id")[table.column]
    values: list[object] = (column if table.counted is None else column.cast(table.counted)).to_pylist()
    return values


def refuses(table: OddTable, folder: Path, spark: Any = LOCAL_SESSION) -> None:
    """The refusal is one of the traffic and says what."""
    with pytest.raises(TrafficError) as caught:
        read(table, folder, spark)
    assert table.refused in str(caught.value)
    assert str(folder) in str(caught.value) or "has no column" in table.refused


def test_no_two_tables_have_one_name() -> None:
    assert len({str(table) for table in (*TABLES, *SPARK_TABLES)}) == len((*TABLES, *SPARK_TABLES))


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_a_table(table: OddTable, tmp_path: Path) -> None:
    """The values are right, or it is refused."""
    if table.x is not None:
        assert read(table, tmp_path) == list(table.x)
        return
    refuses(table, tmp_path)


@pytest.mark.spark
@pytest.mark.parametrize("table", SPARK_TABLES, ids=str)
def test_what_spark_is_asked_about(table: OddTable, spark: SparkSession, tmp_path: Path) -> None:
    refuses(table, tmp_path, spark)
