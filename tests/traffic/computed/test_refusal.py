"""Rows without a value are told, counted and shown, whichever reader meets them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError, TrafficError
from replay.traffic import check_traffic, open_traffic, values_refused
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ids = list(range(100))
    table = pa.table(
        {
            "id": ids,
            "score": [float(row) for row in ids],
            "text": ["n/a" if row % 10 == 7 else str(row) for row in ids],
            "when": ["12:30" if row < 5 else "2026-11-20 10:00:00" for row in ids],
        }
    )
    return write(tmp_path_factory.mktemp("refused") / "t.parquet", table)


def said(spark: SparkSession, config: object) -> str:
    traffic = open_traffic(spark, config)
    with pytest.raises(ConfigError) as refused:
        check_traffic(spark, traffic, traffic.config)
    assert refused.value.exit_code == 3
    return str(refused.value)


@pytest.mark.parametrize("sql", ["cast(text as double)", "ln(cast(text as double))"], ids=["direct", "spark"])
def test_a_text_that_is_no_number(spark: SparkSession, path: Path, sql: str) -> None:
    message = said(spark, traffic_config(path, columns={"x": sql}))
    assert message.startswith(f"traffic.columns.x: {sql!r}: The value 'n/a' of the type \"STRING\" cannot be cast")
    assert "Use `try_cast`" in message
    assert message.endswith("(10 of 100 rows)")


def test_only_rows_that_are_selected_count(spark: SparkSession, path: Path) -> None:
    config = traffic_config(path, columns={"x": "cast(text as double)"}, where="id < 20")
    assert said(spark, config).endswith("(2 of 20 rows)")
    config = traffic_config(path, columns={"x": "cast(text as double)"}, where="id < 5")
    assert check_traffic(spark, open_traffic(spark, config), config).rows_selected == 5


def test_beside_a_window_over_a_time_that_is_read(spark: SparkSession, path: Path) -> None:
    moment = "if(id < 50, '2026-11-19', '2026-11-20 10:00:00')"
    columns = {"fine": "id + 1", "x": "cast(text as double)", "moment": moment}
    config = traffic_config(path, columns=columns, time="moment", window={"start": "2026-11-20T00:00:00Z"})
    message = said(spark, config)
    assert message.startswith("traffic.columns.x: ")
    assert message.endswith("(5 of 50 rows)")


def test_the_column_that_selects_is_named_and_not_one_before_it(spark: SparkSession, path: Path) -> None:
    columns = {"fine": "id + 1", "x": "cast(text as double)"}
    assert said(spark, traffic_config(path, columns=columns, where="x > 3")).startswith("traffic.columns.x: ")


def test_what_is_never_null_is_computed_all_the_same(spark: SparkSession, path: Path) -> None:
    assert "cannot be cast" in said(spark, traffic_config(path, columns={"x": "coalesce(cast(text as double), 0D)"}))


def test_a_division_by_zero(spark: SparkSession, path: Path) -> None:
    message = said(spark, traffic_config(path, columns={"x": "1 / (id - 3)"}))
    assert message == (
        "traffic.columns.x: '1 / (id - 3)': Division by zero. Use `try_divide` to tolerate divisor being 0 and return "
        "NULL instead."
    )


def test_an_attempt_is_not_refused(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, columns={"x": "try_cast(text as double)"}))
    assert check_traffic(spark, traffic, traffic.config).rows_selected == 100
    for read in (read_direct, read_scan):
        assert read(spark, traffic, ["x"])["x"].null_count == 10


def test_a_text_that_is_no_time(spark: SparkSession, path: Path) -> None:
    message = said(spark, traffic_config(path, time="when", window={"start": "2026-11-20T00:00:00Z"}))
    assert message.startswith(
        "traffic.time: column `when` holds no time in 5 of 100 rows, for example '12:30': expected ISO 8601"
    )
    pasted = message.split("`columns: {event_time: ")[1].split("}` and `time: event_time`")[0].strip('"')
    config = traffic_config(
        path, columns={"event_time": pasted}, time="event_time", window={"start": "2026-11-20T00:00:00Z"}
    )
    assert check_traffic(spark, open_traffic(spark, config), config).rows_selected == 95


def test_a_task_of_the_direct_reader_is_told_alike(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, columns={"x": "cast(text as double)"}))
    with pytest.raises(ConfigError, match=r"\(10 of 100 rows\)"), values_refused(spark, traffic):
        read_direct(spark, traffic, ["x"])
    with pytest.raises(TrafficError, match=r"^`traffic\.columns\.x` .*: 'n/a' is no double"):
        read_direct(spark, traffic, ["x"])


def test_other_errors_go_through(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, columns={"x": "id + 1"}))
    with pytest.raises(TrafficError, match="gone"), values_refused(spark, traffic):
        raise TrafficError("gone")
