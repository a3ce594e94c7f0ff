"""The window on the direct side: masks and statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.traffic.read.selecting.window import Overlap, ticks_at_or_after, time_filter
from tests.traffic.tables import traffic_config

START = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # the hour that clocks in Europe skip
END = START + timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def filter_over(dtype: pa.DataType, unit: str | None = None, **window: object) -> object:
    config = traffic_config("t", time={"column": "ts", "unit": unit}, window=window)
    return time_filter(pa.schema([("ts", dtype)]), config)


def mask(values: list[object], dtype: pa.DataType, unit: str | None = None, **window: object) -> list[bool]:
    found = filter_over(dtype, unit, **(window or {"start": START, "end": END})).mask(
        pa.record_batch([pa.array(values, dtype)], ["ts"])
    )
    assert found.null_count == 0
    return found.to_pylist()


EDGES = [START - MICROSECOND, START, END - MICROSECOND, END, None]
INSIDE = [False, True, True, False, False]


def test_edges_to_the_microsecond_with_a_zone() -> None:
    assert mask(EDGES, pa.timestamp("us", tz="UTC")) == INSIDE


def test_a_time_without_a_zone_is_utc() -> None:
    naive = [moment and moment.replace(tzinfo=None) for moment in EDGES]
    assert mask(naive, pa.timestamp("us")) == INSIDE


def test_nanoseconds_below_a_microsecond_do_not_leak_over_an_edge() -> None:
    start = int((START - EPOCH) / MICROSECOND) * 1000
    assert mask([start - 1, start, start + 3_600_000_000_000 - 1, start + 3_600_000_000_000], pa.timestamp("ns")) == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("dtype", "unit", "per_second"),
    [(pa.int32(), "s", 1), (pa.int64(), "ms", 10**3), (pa.uint64(), "us", 10**6), (pa.int64(), "ns", 10**9)],
)
def test_integer_times(dtype: pa.DataType, unit: str, per_second: int) -> None:
    start = int(START.timestamp()) * per_second
    end = int(END.timestamp()) * per_second
    assert mask([start - 1, start, end - 1, end, None], dtype, unit) == INSIDE


@given(
    st.datetimes(min_value=datetime(1960, 1, 1), max_value=datetime(2040, 1, 1)),
    st.sampled_from([("s", 1_000_000), ("ms", 1_000), ("us", 1)]),
    st.integers(-3, 3),
)
def test_an_integer_tick_is_inside_exactly_when_its_moment_is(
    start: datetime, unit: tuple[str, int], offset: int
) -> None:
    name, microseconds = unit
    start = start.replace(tzinfo=UTC)
    tick = (start - EPOCH) // MICROSECOND // microseconds + offset
    moment = EPOCH + timedelta(microseconds=tick * microseconds)
    assert (tick >= ticks_at_or_after(start, name)) == (moment >= start)


def test_half_open_windows_and_bounds_that_the_type_cannot_hold() -> None:
    assert mask([0, 1, None], pa.int64(), "s", start=EPOCH + timedelta(seconds=1)) == [False, True, False]
    assert mask([0, 1, None], pa.int64(), "s", end=EPOCH + timedelta(seconds=1)) == [True, False, False]
    far = datetime(9999, 1, 1, tzinfo=UTC)
    assert mask([0, None], pa.int32(), "s", start=far) == [False, False]
    assert mask([0, None], pa.int32(), "s", end=far) == [True, False]
    before = datetime(1900, 1, 1, tzinfo=UTC)
    assert mask([0, None], pa.uint64(), "s", start=before) == [True, False]
    assert mask([0, None], pa.uint64(), "s", end=before) == [False, False]


def test_no_window_no_filter() -> None:
    assert time_filter(pa.schema([("ts", pa.int64())]), traffic_config("t", time={"column": "ts", "unit": "s"})) is None


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_statistics_tell_what_the_mask_would(tmp_path: Path, unit: str, zone: str | None) -> None:
    written, delivered = pa.timestamp(unit, tz=zone), pa.timestamp("ns" if unit == "ns" else "us", tz=zone)
    minutes = np.arange(-120, 180, 20)
    ticks = [ticks_at_or_after(START + timedelta(minutes=int(minute)), unit) for minute in minutes]
    pq.write_table(pa.table({"ts": pa.array(ticks, written)}), tmp_path / "t.parquet", row_group_size=3)
    window = filter_over(delivered, start=START, end=END)
    metadata = pq.read_metadata(tmp_path / "t.parquet")
    for index in range(metadata.num_row_groups):
        inside = [0 <= minute < 60 for minute in minutes[index * 3 : index * 3 + 3]]
        expected = Overlap.ALL if all(inside) else Overlap.SOME if any(inside) else Overlap.NONE
        assert window.overlap(metadata.row_group(index)) is expected


def test_nulls_and_missing_statistics_are_never_taken_for_inside(tmp_path: Path) -> None:
    inside = [START, None]
    table = pa.table({"ts": pa.array(inside, pa.timestamp("us", tz="UTC"))})
    window = filter_over(table.schema.field("ts").type, start=START, end=END)
    for name, options in {"nulls": {}, "none": {"write_statistics": False}}.items():
        pq.write_table(table, tmp_path / name, **options)
        assert window.overlap(pq.read_metadata(tmp_path / name).row_group(0)) is Overlap.SOME
    pq.write_table(table.slice(0, 1), tmp_path / "int96", use_deprecated_int96_timestamps=True)
    assert window.overlap(pq.read_metadata(tmp_path / "int96").row_group(0)) is Overlap.SOME


def test_unsigned_statistics_are_read_as_unsigned(tmp_path: Path) -> None:
    second = 2**31 + 5  # the sign bit of an int32 is set
    pq.write_table(pa.table({"ts": pa.array([second], pa.uint32())}), tmp_path / "t")
    group = pq.read_metadata(tmp_path / "t").row_group(0)
    moment = EPOCH + timedelta(seconds=second)
    assert filter_over(pa.int64(), "s", start=moment, end=END + timedelta(days=9999)).overlap(group) is Overlap.ALL
    assert filter_over(pa.int64(), "s", end=moment).overlap(group) is Overlap.NONE
