"""How an event time that is no timestamp is read."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.errors import Problem
from replay.traffic.computed.event_time import TimeReading, read_time
from tests.traffic.tables import traffic_config


def reading(dtype: pa.DataType, time: object) -> TimeReading | Problem | None:
    return read_time(pa.schema([("ts", dtype)]), traffic_config("t", time=time))


@pytest.mark.parametrize(
    ("dtype", "unit"),
    [(pa.timestamp("us"), None), (pa.timestamp("ns", "UTC"), None), (pa.int64(), "ms"), (pa.int64(), None)],
)
def test_what_needs_no_reading(dtype: pa.DataType, unit: str | None) -> None:
    assert reading(dtype, {"column": "ts", "unit": unit}) is None


def test_a_column_that_is_not_there_is_for_others_to_tell() -> None:
    assert read_time(pa.schema([("x", pa.string())]), traffic_config("t", time="ts")) is None
    assert read_time(pa.schema([("x", pa.string())]), traffic_config("t")) is None


@pytest.mark.parametrize(
    ("dtype", "time", "sql"),
    [
        (pa.string(), {"column": "ts", "format": "yyyy"}, "to_timestamp(`ts`, 'yyyy')"),
        (pa.int32(), {"column": "ts", "format": "yyyyMMdd"}, "to_timestamp(cast(`ts` as string), 'yyyyMMdd')"),
        (pa.float64(), {"column": "ts", "unit": "s"}, "timestamp_micros(cast(rint(`ts` * 1000000D) as bigint))"),
        (pa.float64(), {"column": "ts", "unit": "us"}, "timestamp_micros(cast(rint(`ts`) as bigint))"),
        (
            pa.decimal128(20, 6),
            {"column": "ts", "unit": "s"},
            "timestamp_micros(cast(bround(`ts` * 1000000) as bigint))",
        ),
        (
            pa.string(),
            {"column": "ts", "unit": "ms"},
            "timestamp_micros(cast(rint(cast(`ts` as double) * 1000D) as bigint))",
        ),
    ],
    ids=["pattern", "digits", "seconds", "microseconds", "decimal", "number as text"],
)
def test_as_spark_sql(dtype: pa.DataType, time: object, sql: str) -> None:
    found = reading(dtype, time)
    assert isinstance(found, TimeReading)
    assert found.sql == sql
    assert "try_" in found.attempt


@pytest.mark.parametrize(
    ("dtype", "time", "said"),
    [
        (pa.float64(), "ts", "say its unit, `time: {column: ts, unit: s}`"),
        (pa.float32(), {"column": "ts", "unit": "s"}, "to the nearest two minutes: log a double"),
        (pa.timestamp("us"), {"column": "ts", "format": "yyyy"}, "`format` is for text; leave it out"),
    ],
    ids=["no unit", "float", "format of a timestamp"],
)
def test_what_is_refused(dtype: pa.DataType, time: object, said: str) -> None:
    found = reading(dtype, time)
    assert isinstance(found, Problem)
    assert said in found.message
    assert (found.path, found.exit_code) == ("traffic.time", 3)
