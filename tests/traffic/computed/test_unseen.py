"""Columns of a session that gives no JVM: the same are taken, and the same refused, as where Spark shows the tree."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError
from replay.traffic import open_traffic
from tests.closed_session import closed_jvm
from tests.traffic.tables import read_scan, traffic_config, write

pytestmark = pytest.mark.spark

ROWS = pa.table(
    {
        "id": [1, 2, 3],
        "score": [0.5, 0.25, 0.125],
        "text": ["a", "b c", None],
        "list": [[1, 2], [3], []],
        "at": ["2026-01-01 10:00:00", "2026-01-02", None],
        "b'q": [1, 2, 3],
        "ctx": [{"day": 1}, {"day": 2}, None],
    }
)

TAKEN = [
    "id * 2 + 1",
    "CAST(text AS string)",
    "upper(concat(text, '-- no comment', \"it's\"))",
    "CASE WHEN id > 1 THEN score ELSE -score END",
    "get(transform(list, x -> x + id), 0)",
    "aggregate(list, 0L, (acc, x) -> acc + x)",
    "decimal(score)",
    "CAST(score AS decimal(10, 2))",
    "extract(DAY FROM to_timestamp(at))",
    "if(id IN (1, 2), 1.5D, 2)",
    "ctx.day + 1",
    "`b'q` + 1 /* rand() */",
    "id BETWEEN (1) AND (2) -- rand()",
    "text LIKE ('a%')",
    "xxhash64(id)",
]
REFUSED = {
    "rand()": "none of the functions",
    "`rand`()": "none of the functions",
    "rand/* so */()": "none of the functions",
    "r'\\' = rand() OR text = '\\''": "none of the functions",
    "now()": "none of the functions",
    "current_date": "no column that can be read",
    "current_user": "no column that can be read",
    "replay_twice(id)": "none of the functions",
    "default.replay_twice(id)": "",
    "CAST('today' AS date)": "another time in each run",
    "date'now'": "another time in each run",
    "sum(id)": "none of the functions",
    "explode(list)": "none of the functions",
    "row_number() OVER (ORDER BY id)": "none of the functions",
    "_metadata.file_path": "no column that can be read",
    "(SELECT max(id) FROM range(3))": "a subquery reads other rows",
    "java_method('java.lang.System', 'nanoTime')": "none of the functions",
    "nothing + 1": "",
    "id +": "Spark refuses",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("unseen") / "t.parquet"
    write(path, ROWS)
    return str(path)


def test_what_is_taken_has_sparks_values(spark: SparkSession, path: str) -> None:
    columns = {f"c{place}": sql for place, sql in enumerate(TAKEN)}
    opened = open_traffic(spark, traffic_config(path, columns=columns))
    with closed_jvm():
        traffic = open_traffic(spark, traffic_config(path, columns=columns))
        assert "does not give its JVM" in str(traffic.direct_problem)
        found = read_scan(spark, traffic).sort_by("id")
    expected = spark.read.parquet(path).selectExpr("id", *(f"({sql}\n) AS {name}" for name, sql in columns.items()))
    assert found.select(["id", *columns]).to_pylist() == expected.orderBy("id").toArrow().to_pylist()
    assert traffic.schema == opened.schema


def test_what_is_refused_is_refused(spark: SparkSession, path: str) -> None:
    spark.udf.register("replay_twice", lambda value: 2 * value, "bigint")
    try:
        for sql, reason in REFUSED.items():
            config = traffic_config(path, columns={"c": sql})
            with pytest.raises(ConfigError):
                open_traffic(spark, config)
            with closed_jvm(), pytest.raises(ConfigError) as caught:
                open_traffic(spark, config)
            assert reason in str(caught.value), sql
    finally:
        spark.sql("DROP TEMPORARY FUNCTION replay_twice")


def test_an_event_time_that_is_text(spark: SparkSession, path: Path) -> None:
    with closed_jvm():
        traffic = open_traffic(spark, traffic_config(path, time="at"))
    assert traffic.schema.field("at").type == pa.timestamp("us", "UTC")
