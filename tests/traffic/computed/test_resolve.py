"""Computed columns over real tables: the same rows by both readers, and what is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError
from replay.traffic import (
    StaleColumn,
    WhereColumn,
    check_traffic,
    column_problems,
    draw_donors,
    entity_history,
    find_rows,
    open_traffic,
    side_dataframe,
)
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

pytestmark = pytest.mark.spark

ROWS = 300
IDS = list(range(ROWS))
WINDOW = {"start": "2026-11-20T10:01:00Z", "end": "2026-11-20T10:02:00Z"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = pa.table(
        {
            "id": IDS,
            "score": [f"{row / 1000}" for row in IDS],
            "text": [f"2026-11-20 10:{row // 60:02}:{row % 60:02}" for row in IDS],
            "seconds": [1795168800.25 + row for row in IDS],  # 2026-11-20T10:00:00.25Z
            "ctx": [{"price": {"raw": f" {row}.5 "}} for row in IDS],
            "nanos": pa.array([row * 1001 for row in IDS], pa.timestamp("ns", "UTC")),
        }
    )
    return write(tmp_path_factory.mktemp("computed") / "t.parquet", table, row_group_size=50)


COLUMNS = {
    "pctr": "cast(score as double)",
    "price": "cast(trim(ctx.price.raw) as double)",
    "band": "if(price > 100, 'high', 'low')",
}


def test_both_readers_and_a_look_up_see_the_same(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, columns=COLUMNS, score="pctr", segments=["band"]))
    assert traffic.direct_problem is None
    assert column_problems(traffic.schema, traffic.config) == []
    expected = [
        {"id": row, "pctr": row / 1000, "price": row + 0.5, "band": "high" if row >= 100 else "low"} for row in IDS
    ]
    names = ["id", *COLUMNS]
    assert read_direct(spark, traffic, names).to_pylist() == expected
    assert read_scan(spark, traffic, names).sort_by("id").to_pylist() == expected
    assert check_traffic(spark, traffic, traffic.config).rows_selected == ROWS
    found = find_rows(spark, traffic, [{"id": 7}, {"id": 3}], ["band", "pctr"])
    assert found.to_pylist() == [{"id": 7, "band": "low", "pctr": 0.007}, {"id": 3, "band": "low", "pctr": 0.003}]


def test_a_condition_names_them_like_any_other(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(
        spark, traffic_config(path, columns=COLUMNS, score="pctr", where="band = 'high' and id < 103")
    )
    assert read_scan(spark, traffic, ["price"])["price"].to_pylist() == [100.5, 101.5, 102.5]
    assert check_traffic(spark, traffic, traffic.config).rows_selected == 3
    assert find_rows(spark, traffic, [{"id": 101}], ["price"])["price"].to_pylist() == [101.5]


def test_a_key_may_be_computed(spark: SparkSession, path: Path) -> None:
    config = traffic_config(path, columns={"row": "concat('r', id)"}, key=["row"], score="seconds")
    traffic = open_traffic(spark, config)
    assert check_traffic(spark, traffic, traffic.config).rows_selected == ROWS
    assert find_rows(spark, traffic, [{"row": "r12"}], ["id"]).to_pylist() == [{"row": "r12", "id": 12}]


def test_what_only_spark_computes_goes_by_spark(spark: SparkSession, path: Path) -> None:
    columns = {"log_seconds": "ln(1 + seconds)", "twice": "log_seconds * 2"}
    traffic = open_traffic(spark, traffic_config(path, columns=columns, score="seconds"))
    assert traffic.direct_problem == "`traffic.columns.log_seconds`: only Spark computes `ln` of double to these bits"
    assert traffic.computed[1].obstacle == "`log_seconds` is computed by Spark"
    found = read_scan(spark, traffic, ["twice", "log_seconds"])
    assert found["twice"].to_pylist() == [2 * each for each in found["log_seconds"].to_pylist()]
    assert found["log_seconds"][0].as_py() == pytest.approx(math.log(1795168801.25), rel=1e-12)
    assert find_rows(spark, traffic, [{"id": 5}], ["twice"]).num_rows == 1


@pytest.mark.parametrize(
    ("time", "direct"),
    [
        ({"column": "text", "format": "yyyy-MM-dd HH:mm:ss"}, False),
        ({"column": "text"}, False),
        ({"column": "seconds", "unit": "s"}, True),
    ],
    ids=["pattern", "ISO", "float seconds"],
)
def test_times_that_are_no_timestamps(spark: SparkSession, path: Path, time: dict[str, str], direct: bool) -> None:
    config = traffic_config(path, columns={"pctr": "cast(score as double)"}, score="pctr", time=time, window=WINDOW)
    traffic = open_traffic(spark, config)
    name = time["column"]
    assert traffic.schema.field(name).type == pa.timestamp("us", "UTC")
    assert (traffic.direct_problem is None) is direct
    assert column_problems(traffic.schema, traffic.config) == []
    check = check_traffic(spark, traffic, traffic.config)
    assert check.rows_selected == 60
    fraction = 250_000 if name == "seconds" else 0
    assert check.first_time == datetime(2026, 11, 20, 10, 1, 0, fraction, tzinfo=UTC)
    readers = [read_scan, *([read_direct] if direct else [])]
    for read in readers:
        assert read(spark, traffic, ["id"])["id"].to_pylist() == list(range(60, 120))
        found = read(spark, traffic, ["id", name])
        assert pc.min(found[name]).as_py() == check.first_time


def test_a_nested_time_leaves_the_struct_alone(spark: SparkSession, path: Path) -> None:
    config = traffic_config(path, score="seconds", time={"column": "ctx.price.raw", "unit": "s"})
    traffic = open_traffic(spark, config)
    for read in (read_direct, read_scan):
        found = read(spark, traffic, ["ctx.price.raw", "ctx"]).slice(0, 1).to_pylist()[0]
        assert found["ctx"] == {"price": {"raw": " 0.5 "}}
        assert found["ctx.price.raw"] == datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_rows_from_anywhere_have_them_too(spark: SparkSession, path: Path) -> None:
    columns = {**COLUMNS, "user": "concat('u', cast(id = 7 as string))"}
    config = traffic_config(
        path,
        columns=columns,
        score="pctr",
        entity="user",
        time={"column": "seconds", "unit": "s"},
        window=WINDOW,
    )
    traffic = open_traffic(spark, config)
    # Only row 7 is of the entity `utrue`, and it lies outside of the window.
    history = entity_history(spark, traffic, pa.array(["utrue"]), ["price"])
    assert history.to_pylist() == [{"entity": "utrue", "time_us": 1795168807_250_000, "price": 7.5}]
    donors = draw_donors(spark, traffic, ["price"], ["id"])
    assert sorted(donors["price"].to_pylist()) == [row + 0.5 for row in range(60, 120)]
    older = [StaleColumn("old", "price", timedelta(seconds=100))]
    side = (
        side_dataframe(spark, traffic, ["id"], [WhereColumn("is_dear", "price > 100")], older).toArrow().sort_by("id")
    )
    assert side["is_dear"].to_pylist() == [row >= 100 for row in range(60, 120)]
    # The entity's newest row that is 100 s older. Row 7 is of another one, so row 107 is served row 6; before row 100
    # there is none.
    served = [None if row < 100 else 6.5 if row == 107 else row - 100 + 0.5 for row in range(60, 120)]
    assert side["old"].to_pylist() == served


def test_a_delta_table_with_deletion_vectors_and_mapped_names(spark: SparkSession, tmp_path: Path) -> None:
    table = str(tmp_path / "t")
    properties = "'delta.enableDeletionVectors' = 'true', 'delta.columnMapping.mode' = 'name'"
    frame = spark.range(20).selectExpr("id", "cast(id * 0.5D as string) AS logged", "id * 1D AS score")
    frame.coalesce(1).createOrReplaceTempView("computed_rows")
    spark.sql(f"CREATE TABLE delta.`{table}` USING delta TBLPROPERTIES ({properties}) AS SELECT * FROM computed_rows")
    spark.sql(f"DELETE FROM delta.`{table}` WHERE id % 2 = 0")
    traffic = open_traffic(spark, traffic_config(table, columns={"half": "cast(logged as double)"}))
    assert traffic.direct_problem is not None
    found = read_scan(spark, traffic, ["id", "half"]).sort_by("id")
    assert found["half"].to_pylist() == [row * 0.5 for row in range(1, 20, 2)]
    assert find_rows(spark, traffic, [{"id": 3}], ["half"])["half"].to_pylist() == [1.5]


def test_over_a_column_that_spark_does_not_read(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, columns={"micros": "unix_micros(nanos)"}, score="seconds"))
    assert read_scan(spark, traffic, ["micros"])["micros"].to_pylist() == [row * 1001 // 1000 for row in IDS]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("rand()", "`rand` is none of the functions that give the same value in every run"),
        ("current_date", "`current_date` is none of the functions"),
        ("left(current_user(), 1)", "`current_user` is none of the functions"),
        ("input_file_name()", "`input_file_name` is none of the functions"),
        ("_metadata.file_path", "it reads what is no column of the table"),
        ("date'today'", "it names a time that is another one in each run"),
        ("cast('now' as timestamp)", "`now` is another time in each run"),
        ("sum(seconds)", "an aggregate sums up many rows"),
        ("(select max(1))", "a subquery reads other rows"),
        ("row_number() over (order by id)", "a window function reads other rows"),
        ("explode(array(1, 2))", "a generator makes several rows of one"),
        ("own_function(id)", "a function of your own may do anything"),
        ("nothing + 1", "Spark refuses 'nothing + 1': A column, variable, or function parameter with name `nothing`"),
        ("1 +", "Syntax error"),
        ("interval 1 day", "is of the type interval day, which no column has: cast it"),
    ],
)
def test_what_is_refused(spark: SparkSession, path: Path, sql: str, said: str) -> None:
    spark.udf.register("own_function", lambda value: value, "long")
    with pytest.raises(ConfigError) as refused:
        open_traffic(spark, traffic_config(path, columns={"x": sql}))
    (problem,) = refused.value.problems
    assert said in problem.message
    assert (problem.path, refused.value.exit_code) == ("traffic.columns.x", 2)


def test_a_name_that_is_taken_and_all_problems_at_once(spark: SparkSession, path: Path) -> None:
    columns = {"SCORE": "1", "ctx.price": "1", "bad": "rand()", "worse": "bad + 1", "fine": "id + 1"}
    with pytest.raises(ConfigError) as refused:
        open_traffic(spark, traffic_config(path, columns=columns))
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["traffic.columns.SCORE", "traffic.columns.ctx.price", "traffic.columns.bad"]
    assert refused.value.problems[0].message == (
        "the traffic has a column `score` already: give the computed one a name of its own"
    )
    assert refused.value.problems[0].exit_code == 3


def test_a_pattern_that_spark_does_not_know(spark: SparkSession, path: Path) -> None:
    time = {"column": "text", "format": "qqq bad"}
    with pytest.raises(ConfigError, match=r"traffic\.time\.format: Unrecognized datetime pattern: qqq bad"):
        open_traffic(spark, traffic_config(path, time=time, score="seconds"))
