"""Expressions on Arrow arrays, held against Spark bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.traffic import PinnedTraffic, open_traffic
from tests.traffic.computed.nasty import nasty_table
from tests.traffic.tables import read_direct, read_scan, traffic_config

pytestmark = pytest.mark.spark

# Evaluated without Spark: each must give Spark's bits.
PROVEN = [
    *(
        "d",
        "st",
        "st.a",
        "st.n.c",
        "mp['k']",
        "mp.k",
        "im[1]",
        "xs",
        "mp",
        "dec",
        "1.5D",
        "1.1F",
        "-0.0D",
        "'it''s 😀'",
    ),
    *("true", "cast(null as double)", "127Y", "9223372036854775807"),
    *(
        "d + e",
        "d - e",
        "d * e",
        "f + g",
        "f * g",
        "d + 1",
        "d * 1.5",
        "d * 0.1",
        "d / 100",
        "d / 3D",
        "i / 7",
        "l / 3",
    ),
    *(
        "-d",
        "-f",
        "abs(d)",
        "abs(f)",
        "sqrt(d)",
        "rint(d)",
        "small + 1",
        "small * 3",
        "small - 5",
        "small + small",
        "-(d + e)",
    ),
    *(
        "d = e",
        "d < e",
        "d <= e",
        "d > e",
        "d >= e",
        "d != e",
        "d <=> e",
        "f = g",
        "f < g",
        "f >= g",
        "d > 1",
        "f = 0.5F",
    ),
    *(
        "i = j",
        "i < j",
        "l <= m",
        "l > 0",
        "h = y",
        "i < l",
        "d < l",
        "f < d",
        "s = t",
        "s < t",
        "s >= t",
        "s <=> t",
        "b = c",
    ),
    *("b < c", "dt > date'2020-01-01'", "ts >= timestamp'2026-11-20 18:44:01.5'", "tn < timestamp_ntz'1970-01-01'"),
    *("b and c", "b or c", "not b", "b and d > e", "d is null", "s is not null", "isnan(d)", "isnan(f)", "xs is null"),
    *("coalesce(d, e, 0)", "coalesce(s, t, 'none')", "nvl(d, 1.5D)", "ifnull(i, 0)", "nvl2(d, 1, 0)", "nullif(d, 0D)"),
    *("nullif(s, '')", "if(d > e, d, e)", "if(b, s, t)", "case when d > 1 then 'high' when d < 0 then 'low' end"),
    *("case when b then i when c then l else 0 end", "case s when 'a' then 1 when 'home' then 2 else 3 end"),
    *(
        "d between 0 and 1",
        "s in ('a', 'home', null)",
        "d in (0D, 1D, e)",
        "i in (1, 7)",
        "d not in (1, 2)",
    ),
    *(
        "trim(s)",
        "ltrim(s)",
        "rtrim(s)",
        "concat(s, '-', t)",
        "s || t",
        "concat(s, i)",
        "concat(l, '/', b)",
        "concat(s)",
    ),
    *(
        "cast(i as bigint)",
        "cast(i as double)",
        "cast(l as double)",
        "cast(l as float)",
        "cast(i as float)",
        "cast(d as float)",
    ),
    *(
        "cast(f as double)",
        "cast(h as int)",
        "cast(y as string)",
        "cast(l as string)",
        "cast(b as string)",
        "cast(b as int)",
    ),
    *(
        "cast(b as double)",
        "cast(small as smallint)",
        "cast(small as tinyint)",
        "cast(d as double)",
        "cast(cast(f as double) as float)",
    ),
    *(
        "cast(n as double)",
        "try_cast(bad as double)",
        "try_cast(s as bigint)",
        "try_cast(bad as int)",
        "try_cast(s as boolean)",
    ),
    *(
        "try_cast(bad as boolean)",
        "cast(it as int)",
        "cast(it as bigint)",
        "cast(bt as boolean)",
        "cast(n as double) * 2 + 1",
    ),
    *(
        "coalesce(try_cast(bad as double), -1)",
        "if(try_cast(s as bigint) > 0, 'some', 'none')",
        "double(n)",
        "n::double",
    ),
    *(
        "timestamp_micros(l)",
        "timestamp_micros(cast(rint(small * 1000000D) as bigint))",
        "cast(rint(small * 1.5D) as int)",
    ),
    *("zeroifnull(d)", "nullifzero(i)", "ts", "tn", "dt", "if(b, ts, null)"),
    *("i % 7", "l % -3", "l % 1000", "h % 5", "pmod(i, 7)", "pmod(l, 60)", "l % -1", "7 % 3"),
    *(
        "xxhash64(s, i)",
        "xxhash64(d, f, b, dt, ts, tn)",
        "xxhash64(y, h, l, dec)",
        "xxhash64(s, 'salt')",
        "xxhash64(i)",
    ),
    *("s like 'a%'", "s like '%_'", "startswith(s, 'a')", "endswith(s, 'a')", "contains(s, 'e')"),
    *("cast(dt as string)", "cast(far_day as string)", "cast(dec as decimal(12,3))", "dec > 1", "dec in (1.25, 3)"),
    *(
        "cast('2026-11-20' as date)",
        "ts < '2026-11-20 18:00:00'",
        "cast('1.50' as double)",
        "1.50",
        "cast('t' as boolean)",
    ),
]
# Left to Spark: other bits, other rules, or a failure that must not be seen in every row.
BY_SPARK = [
    *(
        "ln(1 + d)",
        "exp(d)",
        "pow(d, 2)",
        "d / e",
        "d % 2",
        "round(d, 2)",
        "floor(d)",
        "lower(s)",
        "upper(s)",
        "length(s)",
    ),
    *(
        "cast(d as string)",
        "cast(dec as double)",
        "dec * 2",
        "cast(ts as string)",
        "try_cast(l as int)",
        "greatest(d, e)",
    ),
    *("if(b, cast(n as double), 0)", "coalesce(d, cast(n as double))", "b and cast(n as double) > 1"),
    *(
        "d + cast(n as double)",
        "xs[0]",
        "transform(xs, x -> x + 1)",
        "to_timestamp(s, 'yyyy')",
        "hour(ts)",
    ),
    *(
        "md5(s)",
        "xxhash64(xs)",
        "s like t",
        "date_trunc('hour', ts)",
        "try_cast(n as float)",
        "cast(i as decimal(12,2))",
    ),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nasty") / "t.parquet"
    pq.write_table(nasty_table(), path)
    return path


def opened(spark: SparkSession, path: Path, expressions: list[str]) -> PinnedTraffic:
    columns = {f"c{place}": sql for place, sql in enumerate(expressions)}
    return open_traffic(spark, traffic_config(path, columns=columns))


def bits(array: pa.ChunkedArray) -> list[object]:
    """Values that are equal where their bits are; one NaN is as good as another."""
    if pa.types.is_floating(array.type):
        as_int = np.int64 if array.type == pa.float64() else np.int32
        plain = array.combine_chunks().to_numpy(zero_copy_only=False)
        nulls = array.is_null().to_pylist()
        return [
            None if null else "NaN" if value != value else int(raw)
            for null, value, raw in zip(nulls, plain, plain.view(as_int), strict=True)
        ]
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return [repr(value) for value in array.to_pylist()]


def test_arrow_gives_the_bits_that_spark_gives(spark: SparkSession, path: Path) -> None:
    traffic = opened(spark, path, PROVEN)
    by_spark = {column.sql: column.obstacle for column in traffic.computed if column.tree is None}
    assert by_spark == {}
    names = [column.name for column in traffic.computed]
    ours, theirs = read_direct(spark, traffic, names), read_scan(spark, traffic, names)
    differ = []
    for column in traffic.computed:
        assert ours.schema.field(column.name).type == traffic.schema.field(column.name).type
        left, right = bits(ours[column.name]), bits(theirs[column.name])
        rows = [row for row, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
        if rows:
            differ.append((column.sql, [(left[row], right[row]) for row in rows[:3]]))
    assert differ == []


def test_what_is_not_proven_is_left_to_spark(spark: SparkSession, path: Path) -> None:
    traffic = opened(spark, path, BY_SPARK)
    assert [column.sql for column in traffic.computed if column.tree is not None] == []
    assert traffic.direct_problem == "`traffic.columns.c0`: only Spark computes `ln` of double to these bits"
