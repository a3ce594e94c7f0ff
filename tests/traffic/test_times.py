"""Event times in Spark, against the hot path's own reading of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.scoring.core import to_utc
from replay.traffic import open_traffic
from replay.traffic.paths import require_column
from replay.traffic.read.scan import pinned_dataframe
from replay.traffic.times import LATEST_US, micros_of, utc_micros
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

# 02:30 is an hour that New York skipped on this day.
MOMENTS = [datetime(2026, 3, 8, 2, 30, 0, 123456), datetime(1969, 12, 31, 23, 59, 59, 999999), None]


def micros(spark: SparkSession, folder: Path, values: pa.Array, unit: str | None, zone: str) -> list[int | None]:
    write(folder / "t.parquet", pa.table({"id": range(len(values)), "at": values}))
    traffic = open_traffic(spark, traffic_config(folder))
    before = str(spark.conf.get("spark.sql.session.timeZone"))
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        column = utc_micros(require_column(traffic.schema, "at"), unit)  # type: ignore[arg-type]
        return pinned_dataframe(spark, traffic).orderBy("id").select(column.alias("us")).toArrow()["us"].to_pylist()
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (pa.array(MOMENTS, pa.timestamp("us", tz="UTC")), None),
        (pa.array(MOMENTS, pa.timestamp("us")), None),
        (pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", tz="UTC")), None),
        (pa.array([date(2026, 3, 8), date(1969, 12, 31), None]), None),
        (pa.array([1_700_000_000, -5, None], pa.int32()), "s"),
        (pa.array([1_700_000_000_123, -5, None]), "ms"),
        (pa.array([1_700_000_000_123_456, -5, None]), "us"),
        (pa.array([1_700_000_000_123_456_789, -1, -1001, None]), "ns"),
        (pa.array([1_700_000_000, None], pa.uint64()), "s"),
    ],
    ids=["zone", "no zone", "nanoseconds", "date", "s", "ms", "us", "ns", "unsigned"],
)
def test_as_the_hot_path_reads_them_whatever_the_session_s_zone(
    spark: SparkSession, tmp_path: Path, values: pa.Array, unit: str | None
) -> None:
    found = micros(spark, tmp_path, values, unit, "America/New_York")
    assert found == to_utc(values, unit).cast(pa.int64()).to_pylist()
    assert found == by_tasks(values, unit)


def by_tasks(values: pa.Array, unit: str | None) -> list[int | None]:
    micros, valid = micros_of(values, unit)  # type: ignore[arg-type]
    return [int(one) if there else None for one, there in zip(micros, valid, strict=True)]


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (pa.array([2**63 - 1, -(2**63), LATEST_US - 1, LATEST_US, 1 - LATEST_US, -LATEST_US]), "us"),
        (pa.array([2**63 - 1, -(2**63), LATEST_US // 10**6, LATEST_US // 10**6 + 1]), "s"),
        (pa.array([2**64 - 1, LATEST_US - 1, LATEST_US], pa.uint64()), "us"),
    ],
)
def test_times_too_far_away_are_none_in_tasks_too(
    spark: SparkSession, tmp_path: Path, values: pa.Array, unit: str
) -> None:
    found = micros(spark, tmp_path, values, unit, "UTC")
    assert None in found
    assert found == by_tasks(values, unit)


def test_without_a_zone_it_is_utc(spark: SparkSession, tmp_path: Path) -> None:
    at = datetime(2026, 3, 8, 2, 30, 0, 123456)
    expected = int(at.replace(tzinfo=UTC, microsecond=0).timestamp()) * 10**6 + 123456
    assert micros(spark, tmp_path, pa.array([at], pa.timestamp("us")), None, "America/New_York") == [expected]


def test_what_no_lag_could_be_taken_off_is_no_time(spark: SparkSession, tmp_path: Path) -> None:
    ticks = pa.array([-(2**63), 2**63 - 1, LATEST_US, LATEST_US - 1])
    assert micros(spark, tmp_path, ticks, "us", "UTC") == [None, None, None, LATEST_US - 1]
    overflowing = pa.array([2**62, 2**64 - 1], pa.uint64())
    assert micros(spark, tmp_path, overflowing, "s", "UTC") == [None, None]
