"""``where``, ``window`` and ``sample`` in Spark, against the direct reader and against Python."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError
from replay.traffic import check_where, open_traffic, scan_dataframe
from replay.traffic.read.selecting.filters import sample_threshold
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

pytestmark = pytest.mark.spark

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# New York skips 02:00 to 03:00 on the first day and has 01:00 to 02:00 twice on the second.
WINDOWS = [
    (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), datetime(2026, 3, 8, 7, 0, 0, 1, tzinfo=UTC)),
    (datetime(2026, 11, 1, 5, 0, tzinfo=UTC), datetime(2026, 11, 1, 6, 0, tzinfo=UTC)),
    (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
]
KINDS = {
    "zone": (pa.timestamp("us", tz="UTC"), None),
    "ntz": (pa.timestamp("us"), None),
    "millis": (pa.timestamp("ms"), None),
    "nanos": (pa.timestamp("ns", tz="UTC"), None),
    "seconds": (pa.int32(), "s"),
    "ms": (pa.int64(), "ms"),
    "ns": (pa.int64(), "ns"),
    "unsigned": (pa.uint64(), "us"),
}


@pytest.fixture(params=["America/New_York", "UTC"])
def zone(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[str]:
    before = str(spark.conf.get("spark.sql.session.timeZone"))
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield request.param
    spark.conf.set("spark.sql.session.timeZone", before)


def edges() -> list[datetime]:
    hours = [timedelta(hours=hour) for hour in (-5, -4, -1, 1, 4, 5)]
    moments = [moment for window in WINDOWS for moment in window]
    near = [moment + offset * MICROSECOND for moment in moments for offset in (-1, 0, 1)]
    return [*near, *(moment + hour for moment in moments for hour in hours)]


def floor(moment: datetime, unit: str) -> int:
    per = {"s": 10**6, "ms": 10**3, "us": 1}
    microseconds = (moment - EPOCH) // MICROSECOND
    return microseconds * 1000 if unit == "ns" else microseconds // per[unit]


@pytest.mark.parametrize("kind", KINDS)
def test_both_readers_take_exactly_the_rows_of_the_window(
    spark: SparkSession, tmp_path: Path, zone: str, kind: str
) -> None:
    dtype, unit = KINDS[kind]
    resolution = unit or dtype.unit
    moments = [moment for moment in edges() if kind != "unsigned" or moment >= EPOCH]
    ticks = [floor(moment, resolution) for moment in moments]
    table = pa.table({"id": np.arange(len(ticks) + 1), "ts": pa.array([*ticks, None], dtype)})
    write(tmp_path / "t.parquet", table, row_group_size=7)
    for start, end in WINDOWS:
        time = {"column": "ts", "unit": unit}
        traffic = open_traffic(spark, traffic_config(tmp_path, time=time, window={"start": start, "end": end}))
        tick = timedelta(seconds=1) if resolution == "s" else timedelta(milliseconds=1)
        logged = [
            EPOCH + value * tick if resolution in ("s", "ms") else moment
            for value, moment in zip(ticks, moments, strict=True)
        ]
        expected = [row for row, moment in enumerate(logged) if start <= moment < end]
        assert expected or resolution == "s"
        assert read_direct(spark, traffic, ["id"])["id"].to_pylist() == expected
        assert sorted(read_scan(spark, traffic, ["id"])["id"].to_pylist()) == expected


def test_without_a_window_null_times_are_kept(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [1, 2], "ts": pa.array([0, None], pa.timestamp("us"))}))
    traffic = open_traffic(spark, traffic_config(tmp_path, time="ts"))
    assert read_direct(spark, traffic, ["id"])["id"].to_pylist() == [1, 2]
    assert read_scan(spark, traffic, ["id"])["id"].to_pylist() == [1, 2]


class TestWhere:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        ns = pa.array([0, 1_500_000_000], pa.timestamp("ns"))
        return write(tmp_path / "t.parquet", pa.table({"id": [1, 2], "country": ["DE", None], "ts": ns, "a.b": [5, 6]}))

    @pytest.mark.parametrize(
        ("where", "rows"),
        [
            ("country = 'DE'", [1]),
            ("country != 'FR' -- nulls are no match", [1]),
            ("country IS NULL OR `a.b` = 6", [2]),
            ("ts > TIMESTAMP_NTZ'1970-01-01 00:00:01'", [2]),  # a type that Spark itself does not read
            ("id = 1 OR id = 2", [1, 2]),
        ],
    )
    def test_rows(self, spark: SparkSession, path: Path, where: str, rows: list[int]) -> None:
        window = {"start": "1970-01-01", "end": "1970-01-02"}
        traffic = open_traffic(spark, traffic_config(path, where=where, time="ts", window=window))
        if "ts" in where:
            assert traffic.direct_problem == "`traffic.where`: Spark has no timestamp[ns]"
        else:
            assert read_direct(spark, traffic, ["id"])["id"].to_pylist() == rows
        assert read_scan(spark, traffic, ["id"])["id"].to_pylist() == rows

    @pytest.mark.parametrize(
        ("where", "reason"),
        [
            ("surface = 'home'", "surface"),
            ("country = ", "Syntax error"),
            ("id", "BIGINT"),
            ("sum(id) > 1", "sum"),
            ("rand() < 0.5", "selects other rows in each run"),
        ],
    )
    def test_what_spark_refuses_is_a_problem_of_one_line(
        self, spark: SparkSession, path: Path, capsys: pytest.CaptureFixture[str], where: str, reason: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            check_where(spark, open_traffic(spark, traffic_config(path, where=where)))
        (problem,) = caught.value.problems
        assert problem.path == "traffic.where"
        assert reason in problem.message
        assert "\n" not in problem.message
        assert "SQLSTATE" not in problem.message
        assert capsys.readouterr() == ("", "")


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ids = np.arange(20_000)
    table = pa.table({"id": ids, "request": ids // 4})
    root = tmp_path_factory.mktemp("sample")
    write(root / "one" / "t.parquet", table)
    shuffled = table.take(np.random.default_rng(0).permutation(20_000))
    for index in range(5):
        write(root / "five" / f"{index}.parquet", shuffled.slice(index * 4000, 4000))
    return root


class TestSample:
    def ids(self, spark: SparkSession, path: Path, rate: float, by: tuple[str, ...] = ()) -> set[int]:
        traffic = open_traffic(spark, traffic_config(path, sample={"rate": rate, "by": by}))
        found = set(scan_dataframe(spark, traffic, ["id"]).toArrow()["id"].to_pylist())
        assert {*read_direct(spark, traffic, ["id"])["id"].to_pylist()} == found
        return found

    def test_the_same_rows_whatever_the_files_and_more_with_a_higher_rate(
        self, spark: SparkSession, requests: Path
    ) -> None:
        few = self.ids(spark, requests / "one", 0.1)
        assert self.ids(spark, requests / "five", 0.1) == few
        assert few < self.ids(spark, requests / "one", 0.3)
        assert len(self.ids(spark, requests / "one", 1.0)) == 20_000
        assert abs(len(few) - 2000) < 6 * (20_000 * 0.1 * 0.9) ** 0.5  # six standard deviations

    def test_rows_of_one_request_stay_together(self, spark: SparkSession, requests: Path) -> None:
        found = self.ids(spark, requests / "one", 0.2, ("request",))
        assert {member for row in found for member in range(row - row % 4, row - row % 4 + 4)} == found

    def test_the_rate_is_compared_exactly(self) -> None:
        assert sample_threshold(0.25) == -(2**62)
        assert sample_threshold(2**-64) == -(2**63) + 1
        assert sample_threshold(1 - 2**-53) == 2**63 - 2**11
