"""What is checked before a run."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.errors import TrafficError
from replay.traffic import KeyFingerprint, PinnedTraffic, TrafficCheck, check_counted, check_traffic, keys, open_traffic
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark


def check(spark: SparkSession, path: Path, **settings: object) -> TrafficCheck:
    config = traffic_config(path, **settings)
    return check_traffic(spark, open_traffic(spark, config), config)


def refused(spark: SparkSession, path: Path, **settings: object) -> str:
    with pytest.raises(TrafficError) as caught:
        check(spark, path, **settings)
    return str(caught.value)


def test_counts_and_times(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table({"id": np.arange(100), "ts": pa.array(np.arange(100) * 1000, pa.timestamp("ms"))})
    write(tmp_path / "t.parquet", table)
    window = {"start": "1970-01-01T00:00:10Z", "end": "1970-01-01T00:00:20Z"}
    found = check(spark, tmp_path, time="ts", window=window, where="id % 2 = 0")
    assert (found.rows_read, found.rows_selected, found.keys.rows) == (100, 5, 5)
    assert found.first_time == datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert found.last_time == datetime(1970, 1, 1, 0, 0, 18, tzinfo=UTC)
    untimed = check(spark, tmp_path)
    assert (untimed.rows_selected, untimed.first_time) == (100, None)


def test_integer_and_nanosecond_times(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table({"id": [1], "ms": [1_500], "at": pa.array([1_500_000_999], pa.timestamp("ns"))})
    write(tmp_path / "t.parquet", table)
    expected = datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert check(spark, tmp_path, time={"column": "ms", "unit": "ms"}).first_time == expected
    assert check(spark, tmp_path, time="at").last_time == expected


def test_a_wrong_unit_is_told(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [1], "ms": [1_795_000_000_000]}))
    assert "is `traffic.time.unit` right" in refused(spark, tmp_path, time={"column": "ms", "unit": "s"})


KEYS = {
    "int": pa.array([1, 2, 2, 3, 2]),
    "text": pa.array(["a", "b", "b", "c", "b"]),
    "decimal": pa.array(
        [Decimal("1.10"), Decimal("2.20"), Decimal("2.20"), Decimal("3"), Decimal("2.2")], pa.decimal128(38, 2)
    ),
    "time": pa.array([1, 2, 2, 3, 2], pa.timestamp("us", tz="UTC")),
    "naive": pa.array([1, 2, 2, 3, 2], pa.timestamp("us")),
    "nanos": pa.array([1000, 2001, 2002, 3000, 2999], pa.timestamp("ns")),
    "nan": pa.array([1.0, float("nan"), float("nan"), 3.0, float("nan")]),
    "zero": pa.array([1.0, 0.0, -0.0, 3.0, 0.0]),
    "bool_and_more": pa.array([b"x", b"", b"", b"y", b""]),
    "unsigned": pa.array([1, 2**64 - 1, 2**64 - 1, 3, 2**64 - 1], pa.uint64()),
}


@pytest.mark.parametrize("kind", KEYS)
def test_duplicate_keys_of_any_type(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": KEYS[kind]}))
    message = refused(spark, tmp_path)
    assert "the key (id) is not unique: 3 rows share 1 keys, for example id=" in message
    assert "(3 rows)" in message


def test_composite_keys_and_the_worst_examples_first(spark: SparkSession, tmp_path: Path) -> None:
    requests = ["r1", "r1", "r2", "r2", "r2", "r3", "ab", "a"]
    items = ["1", "1", "1", "1", "1", "1", "c", "bc"]
    write(tmp_path / "t.parquet", pa.table({"request": requests, "item": items}))
    message = refused(spark, tmp_path, key=["request", "item"])
    assert "5 rows share 2 keys" in message
    assert "for example request='r2', item='1' (3 rows); request='r1', item='1' (2 rows)" in message
    assert "give `traffic.key` columns that tell every row from every other" in message


def test_null_and_duplicate_keys_are_told_together(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table({"a": [1, 1, None, None, None], "b": ["x", "x", "y", "y", None]})
    write(tmp_path / "t.parquet", table)
    message = refused(spark, tmp_path, key=["a", "b"])
    assert "the key is null in 3 rows, for example a=null, b=" in message
    assert "2 rows share 1 keys, for example a=1, b='x' (2 rows)" in message


def test_only_selected_rows_count(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [1, 1, None, 2], "ok": [False, False, False, True]}))
    assert check(spark, tmp_path, where="ok").rows_selected == 1


def test_a_collision_of_hashes_is_not_a_duplicate(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": np.arange(3000)}))
    monkeypatch.setattr(keys, "key_hash", lambda columns: F.pmod(F.xxhash64(*columns), F.lit(1400)))
    assert check(spark, tmp_path).rows_selected == 3000
    write(tmp_path / "u.parquet", pa.table({"id": [77]}))
    assert "id=77 (2 rows)" in refused(spark, tmp_path)


class TestNothing:
    def test_no_rows_at_all(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": pa.array([], pa.int64())}))
        assert f"{tmp_path} has no rows" in refused(spark, tmp_path)

    def test_a_window_beside_the_traffic_says_what_times_there_are(self, spark: SparkSession, tmp_path: Path) -> None:
        times = pa.array([datetime(2026, 11, 20, 10), datetime(2026, 11, 20, 12), None], pa.timestamp("us"))
        write(tmp_path / "t.parquet", pa.table({"id": [1, 2, 3], "ts": times}))
        message = refused(spark, tmp_path, time="ts", window={"start": "2026-11-20T12:00:01", "end": "2026-11-21"})
        assert message == (
            "no row lies in the window [2026-11-20T12:00:01Z, 2026-11-21T00:00:00Z): `ts` runs from "
            "2026-11-20T10:00:00Z to 2026-11-20T12:00:00Z (3 rows); change `traffic.window`"
        )

    def test_where_that_leaves_nothing(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "ts": pa.array([0], pa.timestamp("us"))}))
        assert "`where: id = 2` leaves none of the 1 rows" in refused(spark, tmp_path, where="id = 2")
        window = {"start": "1970-01-01", "end": "1970-01-02"}
        message = refused(spark, tmp_path, where="id = 2", time="ts", window=window)
        assert "the window holds 1 rows, but `where: id = 2` leaves none" in message

    def test_times_that_are_all_null(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "ts": pa.array([None], pa.timestamp("us"))}))
        assert "`ts` is null in all 1 rows" in refused(spark, tmp_path, time="ts", window={"start": "1970-01-01"})


KEYS_COUNTED = KeyFingerprint(3, 12, 7)


class Untouchable:
    """A session that nobody may ask for anything."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"Spark was asked for `{name}`")


def counted(
    spark: SparkSession,
    path: Path,
    times: tuple[int, int] | None = None,
    **settings: object,
) -> TrafficCheck:
    """The check of rows that were counted: no Spark is there to be asked."""
    config = traffic_config(path, **settings)
    pinned = open_traffic(spark, config)
    session: Any = Untouchable()
    return check_counted(session, pinned, config, KEYS_COUNTED, times)


class TestCounted:
    """Rows that tasks have read and counted."""

    def test_spark_does_nothing(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1, 2, 3, 4], "ts": pa.array(range(4), pa.timestamp("us"))}))
        found = counted(spark, tmp_path, time="ts", times=(1_500_000, 61_000_001), where="id > 1")
        assert found == TrafficCheck(
            rows_read=4,
            rows_selected=3,
            keys=KEYS_COUNTED,
            first_time=datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
            last_time=datetime(1970, 1, 1, 0, 1, 1, 1, tzinfo=UTC),
        )
        assert counted(spark, tmp_path).first_time is None
        assert counted(spark, tmp_path, time="ts").last_time is None

    def test_times_before_1970_and_the_last_of_all(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "ts": pa.array([0], pa.timestamp("us"))}))
        last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        found = counted(spark, tmp_path, time="ts", times=(-1, 253_402_300_799_999_999))
        assert (found.first_time, found.last_time) == (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), last)

    @pytest.mark.parametrize(
        ("unit", "logged", "microseconds"),
        [
            ("s", 1_795_000_000_000, 1_795_000_000_000_000_000),
            ("ms", 1_795_000_000_000_000, 1_795_000_000_000_000_000),
            ("us", 1_795_000_000_000_000_000, 1_795_000_000_000_000_000),
        ],
    )
    def test_a_year_beyond_9999_is_told_as_it_is_logged(
        self, spark: SparkSession, tmp_path: Path, unit: str, logged: int, microseconds: int
    ) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "at": [logged]}))
        time = {"column": "at", "unit": unit}
        with pytest.raises(TrafficError, match=f"the time column holds {logged}, which in `{unit}` is after") as caught:
            counted(spark, tmp_path, time=time, times=(0, microseconds))
        assert str(caught.value) == refused(spark, tmp_path, time=time)

    def test_a_timestamp_beyond_9999_has_no_unit(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "ts": pa.array([0], pa.timestamp("us"))}))
        with pytest.raises(TrafficError, match="the time column holds 253402300800000000, which in `us`"):
            counted(spark, tmp_path, time="ts", times=(0, 253_402_300_800_000_000))

    def test_another_unit_is_warned_of_as_by_spark(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "at": [1_790_000_000]}))
        time = {"column": "at", "unit": "ms"}
        found = counted(spark, tmp_path, time=time, times=(1_790_000_000_000, 1_790_000_000_000))
        assert found.warnings == check(spark, tmp_path, time=time).warnings
        assert "with `unit: s` they would run from 2026-09-21" in found.warnings[0]


def test_copies_of_what_spark_alone_counts_were_read_too() -> None:
    """All rows of a view were selected: those that stayed, and their copies."""
    config = traffic_config("t", key="id", duplicates="drop_exact")
    pinned = PinnedTraffic("view", config, "t", pa.schema([("id", pa.int64())]), None)
    spark: Any = None  # asked nothing
    check = check_counted(spark, pinned, config, KeyFingerprint(5, 1, 2), None, copies=2)
    assert (check.rows_read, check.rows_selected, check.copies) == (7, 5, 2)


def test_a_page_that_is_corrupt_is_the_traffic_s_fault(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"id": np.random.default_rng(0).integers(0, 2**60, 50_000)}))
    content = bytearray(path.read_bytes())
    content[4:3000] = b"\xff" * 2996
    path.write_bytes(content)
    assert "t.parquet" in refused(spark, tmp_path)
