"""The rows that tasks select by ``where`` and ``sample``, against the rows that Spark selects."""

from __future__ import annotations

import functools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from replay.errors import TrafficError
from replay.traffic import PinnedTraffic, open_traffic, scan_dataframe, values_refused
from tests.traffic.computed.nasty import nasty_table
from tests.traffic.tables import read_direct, traffic_config, write

pytestmark = pytest.mark.spark

# Evaluated by tasks: each must select Spark's rows.
DIRECT = [
    *(
        "d > 1",
        "d >= 0",
        "d < 1",
        "d <= -0.0",
        "d = 0",
        "d != 0",
        "d = double('NaN')",
        "d > e",
        "d <=> e",
        "d <=> null",
    ),
    *("f > 0.5", "f = 0.5F", "f < g", "i = 7", "i > 0", "-1 < i", "i <= j", "l >= 9007199254740993", "h < y", "i < l"),
    *("s = 'home'", "s != 'home'", "s < 'a'", "s >= 'b'", "s <=> t", "s <=> null", "s = t", "'a' <= s"),
    *("b", "not b", "b = c", "b and c", "b or c", "not (b and c)", "not (b or not c)", "b <=> c", "b is not null"),
    *("d is null", "s is not null", "isnan(d)", "not isnan(f)", "xs is null", "mp is not null", "isnotnull(l)"),
    *("i in (0, 7, 100)", "s in ('a', 'home', null)", "s not in ('a', 'home')", "d in (0, 1.5)", "i in (1)"),
    *("i not in (1, null)", "dt in (date'2026-02-28')", "dec in (1.25, 7)"),
    *(
        "d between 0 and 1",
        "i not between -1 and 7",
        "s between 'a' and 'h'",
        "dt between '1970-01-01' and '2026-12-31'",
    ),
    *("s like 'a%'", "s like '%a'", "s like '%a%'", "s like 'a'", "s like 'h_me'", "s like '_'", "s not like '%e%'"),
    *(
        "s like '%\\\\%%'",
        "s like '%.%'",
        "s like ''",
        "s like '%'",
        "s like 'a_%'",
        "s like '%\\\\\\\\s%'",
        "s like '%_\n'",
    ),
    *("startswith(s, 'ho')", "endswith(s, 'e')", "contains(s, 'o')", "not contains(t, 'a')"),
    *("dt = '2026-02-28'", "dt > date'1970-01-01'", "dt < '1999-01-01'", "ts >= '2026-11-20'", "ts < '1970-01-01'"),
    *("ts = timestamp'2026-11-20 18:44:01.5Z'", "tn > timestamp_ntz'1582-10-10'", "tn <= '2026-11-20 18:44:01.5'"),
    *("ts between '1970-01-01' and '2026-12-31 23:59:59.999999'", "cast(dt as string) = '2026-02-28'"),
    *("dec > 1", "dec = 1.25", "dec <= -0.1", "dec != 1.250", "dec < 1000000000.5", "dec is null or dec > 0"),
    *("st.a = 7", "st.n.c like 'a%'", "st.a is null", "st is null", "st.a > 0 and st.n.c != ''"),
    *("mp['k'] > 1", "mp.k is null", "mp['q'] = double('NaN')", "im[1] = 'x'", "im[3] is null"),
    *("d + e > 0", "d * 2 < e - 1", "-d > 1", "abs(d) < 1", "sqrt(d) > 1", "d / 3 >= 0.5", "i / 2 > 3", "l % 2 = 0"),
    *("i % 7 = 1", "pmod(i, 7) = 6", "pmod(l, 100) < 50", "h % 10 != 0", "l % -3 = 1", "xxhash64(s, i) % 100 < 50"),
    *("pmod(xxhash64(l), 10) < 3", "xxhash64(d, dt, b, dec) > 0", "small + 1 > 2"),
    *("cast(i as string) = '7'", "cast(b as string) = 'true'", "cast(l as string) > '5'", "cast(i as double) = 7"),
    *("try_cast(bad as double) > 1", "try_cast(s as boolean)", "try_cast(bad as int) is null", "cast(n as double) > 0"),
    *("cast(it as int) > 1", "trim(s) = 'a'", "concat(s, t) = 'aa'", "s || '-' || t like 'a-%'", "nvl(b, true)"),
    *("coalesce(d, e, 0) > 1", "if(b, d > 1, d < 1)", "case when b then c else s = 'a' end", "nullif(s, '') is null"),
    *("d > 1 and s = 'home' and i is not null", "d > 1 or s = 'home' or b", "(b or d > 0) and not (c and e < 0)"),
    *("(d > e) = b", "d > 1 or null", "null and b", "true", "false", "1 = 2 or i = 7"),
    *("i = 7 and (s = 'a' or (t != 'b' and d is not null))", "not (s in ('a', 'b') or d between 0 and 1)"),
    *("far >= '1972-01-01'", "far < '1971-01-01' and i = 7", "s = 'a' -- a comment"),
]
# Spark's alone: other bits, other rules, or a failure that must not be seen in every row.
BY_SPARK = {
    "s rlike 'a.*'": "only Spark computes `rlike` of string, string to these bits",
    "s like t": "only Spark computes `like` of string, string to these bits",
    "s like 'a!%' escape '!'": "only Spark computes `like` of string, string to these bits",
    "ln(d) > 1": "only Spark computes `ln` of double to these bits",
    "hour(ts) = 18": "only Spark computes `hour` of timestamp to these bits",
    "d > 0 and cast(n as double) > 0": "a cast from string to double can fail, and is not computed in every row",
    "cast(n as double) > 0 and d > 0": "a cast from string to double can fail, and is not computed in every row",
    "if(b, cast(n as double), 0) > 1": "a cast from string to double can fail, and is not computed in every row",
    "i % j = 1": "only Spark computes `remainder` of int, int to these bits",
    "exists(xs, x -> x > 1)": "only Spark computes `exists` of array<double> to these bits",
    "dt > current_date()": "only Spark computes `current_date` to these bits",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows in several row groups, each with its own values, so that some can be skipped."""
    path = tmp_path_factory.mktemp("nasty") / "t.parquet"
    table = nasty_table().append_column("row", pa.array(range(1500)))
    pq.write_table(table, path, row_group_size=200)
    return path


def opened(spark: SparkSession, path: Path, where: str, **settings: object) -> PinnedTraffic:
    return open_traffic(spark, traffic_config(path, where=where, **settings))


def spark_rows(spark: SparkSession, tables: list[PinnedTraffic]) -> list[list[int]]:
    """The rows that Spark selects of each table; many are asked for in one job."""
    found: list[list[int]] = [[] for _ in tables]
    for start in range(0, len(tables), 25):
        few = [
            scan_dataframe(spark, traffic, ["row"]).select(F.lit(place).alias("place"), "row")
            for place, traffic in enumerate(tables[start : start + 25], start)
        ]
        for row in functools.reduce(DataFrame.unionAll, few).toArrow().to_pylist():
            found[row["place"]].append(row["row"])
    return [sorted(rows) for rows in found]


def test_tasks_select_the_rows_that_spark_selects(spark: SparkSession, path: Path) -> None:
    tables = [opened(spark, path, where) for where in DIRECT]
    assert [traffic.direct_problem for traffic in tables if traffic.direct_problem is not None] == []
    ours = [read_direct(spark, traffic, ["row"])["row"].to_pylist() for traffic in tables]
    theirs = spark_rows(spark, tables)
    differ = {
        where: sorted({*one} ^ {*other})[:5]
        for where, one, other in zip(DIRECT, ours, theirs, strict=True)
        if one != other
    }
    assert differ == {}
    # The conditions are no idle ones: most select some rows and leave others.
    assert sum(0 < len(rows) < 1500 for rows in ours) > 100


def test_what_is_not_proven_is_left_to_spark(spark: SparkSession, path: Path) -> None:
    told = {where: opened(spark, path, where).direct_problem for where in BY_SPARK}
    assert told == {where: f"`traffic.where`: {why}" for where, why in BY_SPARK.items()}


def test_a_value_that_cannot_be_is_told_in_spark_s_words(spark: SparkSession, path: Path) -> None:
    traffic = opened(spark, path, "cast(bad as double) > 1")
    assert traffic.direct_problem is None
    with pytest.raises(TrafficError, match=r"^`traffic.where` \(cast\(bad as double\) > 1\): '' is no double"):
        read_direct(spark, traffic, ["row"])
    with pytest.raises(TrafficError) as caught, values_refused(spark, traffic):
        read_direct(spark, traffic, ["row"])
    assert str(caught.value).startswith(f"{path}: The value '' of the type")


def test_computed_columns_and_columns_that_only_where_reads(spark: SparkSession, path: Path) -> None:
    columns = {"twice": "d * 2", "sum": "twice + e", "other": "i + 0D"}
    settings = {"columns": columns, "time": {"column": "l", "unit": "us"}}
    settings["window"] = {"start": "1970-01-01", "end": "1970-01-02"}
    tables = [opened(spark, path, where, **settings) for where in ("sum > 1 and s != 'a'", "other = 7", "twice < 0")]
    for traffic, theirs in zip(tables, spark_rows(spark, tables), strict=True):
        assert traffic.direct_problem is None
        found = read_direct(spark, traffic, ["row", "other"])
        assert found.schema.names == ["row", "other"]
        assert found["row"].to_pylist() == theirs


def test_a_time_that_is_read_from_numbers_and_what_reads_the_numbers(spark: SparkSession, tmp_path: Path) -> None:
    """The event time takes the place of the logged column, which columns above it still read as numbers."""
    seconds = [float(row) for row in range(100)]
    write(tmp_path / "t.parquet", pa.table({"row": range(100), "at": seconds}), row_group_size=7)
    settings = {
        "columns": {"base": "at + 0.5D", "later": "base + at"},
        "time": {"column": "at", "unit": "s"},
        "window": {"start": "1970-01-01T00:00:05Z"},
    }
    wheres = ["later > 40.5", "at < '1970-01-01 00:00:50'", "at < '1970-01-01 00:00:50' and later > 40.5"]
    tables = [opened(spark, tmp_path, where, **settings) for where in wheres]
    by_hand = [range(21, 100), range(5, 50), range(21, 50)]
    assert spark_rows(spark, tables) == [list(rows) for rows in by_hand]
    for traffic, rows in zip(tables, by_hand, strict=True):
        assert traffic.direct_problem is None
        found = read_direct(spark, traffic, ["row", "later"])
        assert found.to_pydict() == {"row": list(rows), "later": [2.0 * row + 0.5 for row in rows]}


@pytest.mark.parametrize(
    "by", [["s", "l"], ["row"], ["d", "f", "dt", "ts"], ["dec", "b", "tn"], ["st.n.c", "mp.k"], ["y"]]
)
def test_a_sample_is_spark_s(spark: SparkSession, path: Path, by: list[str]) -> None:
    rates = (1e-12, 0.001, 0.5, 1)
    tables = [
        open_traffic(spark, traffic_config(path, key=["row"], sample={"rate": rate, "by": by}, where="i >= 0"))
        for rate in rates
    ]
    ours = [read_direct(spark, traffic, ["row"])["row"].to_pylist() for traffic in tables]
    assert ours == spark_rows(spark, tables)
    assert len(ours[0]) == 0 < len(ours[2]) < len(ours[3])


def test_what_spark_alone_hashes(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, sample={"rate": 0.5, "by": ["st"]}))
    assert traffic.direct_problem is not None
    assert traffic.direct_problem.startswith("`traffic.sample`: only Spark hashes `st`, which is struct<")


def test_rows_of_nan_are_selected_in_whatever_row_group_they_lie(spark: SparkSession, tmp_path: Path) -> None:
    """The statistics of the first row group say that no number in it is greater than 2."""
    table = pa.table({"row": range(6), "d": [1.0, float("nan"), 2.0, 200.0, 300.0, float("nan")]})
    write(tmp_path / "t.parquet", table, row_group_size=3)
    wheres = ["d > 100", "d >= 100", "d = double('NaN')", "d < 100", "isnan(d)"]
    tables = [opened(spark, tmp_path, where) for where in wheres]
    ours = [read_direct(spark, traffic, ["row"])["row"].to_pylist() for traffic in tables]
    assert ours == [[1, 3, 4, 5], [1, 3, 4, 5], [1, 5], [0, 2], [1, 5]]
    assert spark_rows(spark, tables) == ours
