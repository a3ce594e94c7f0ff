"""Keys checked without Spark: the same answers and words as Spark's, where it has no file system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.config import TrafficConfig
from replay.errors import TrafficError
from replay.scoring.table import key_check
from replay.scoring.table.key_check import check_selected
from replay.traffic import check_traffic, key_digests, open_traffic
from replay.traffic.read import splits

pytestmark = pytest.mark.spark


@pytest.fixture
def refusal(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str | None, str | None]]:
    """What both say of a table in two files; None where they accept it."""
    monkeypatch.setattr(key_check, "run_tasks", lambda _, places, work: [work(place) for place in places])
    monkeypatch.setattr(splits, "BATCH_ROWS", 4)

    def said(check: Callable[..., Any], *arguments: Any) -> str | None:
        try:
            found = check(*arguments)
        except TrafficError as error:
            return str(error)
        assert found.rows_selected == found.rows_read
        return None

    def both(rows: list[dict[str, Any]], **more: Any) -> tuple[str | None, str | None]:
        table = pa.Table.from_pylist([{**row, "s": 0.5} for row in rows])
        for number in range(2):
            half = table.slice(number * len(table) // 2, len(table) // 2 + len(table) * number)
            pq.write_table(half, tmp_path / f"{number}.parquet")
        config = TrafficConfig(path=str(tmp_path), key=("a", "b"), score="s", **more)
        traffic = open_traffic(spark, config)
        with monkeypatch.context() as patched:
            patched.setattr(key_check, "spark_opens", lambda *_: False)
            ours = said(check_selected, spark, traffic, config)
        return ours, said(check_traffic, spark, traffic, config)

    return both


@pytest.mark.parametrize("range_rows", [2, 8_000_000])
def test_it_says_what_spark_says(
    range_rows: int, refusal: Callable[..., tuple[str | None, str | None]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(key_digests, "RANGE_ROWS", range_rows)
    rows: list[dict[str, Any]] = [{"a": f"r{n}", "b": n} for n in range(8)]
    assert refusal(rows) == (None, None)
    ours, sparks = refusal([*rows, rows[2], rows[2]])
    assert ours == sparks
    assert "3 rows share 1 keys, for example a='r2', b=2 (3 rows)" in str(ours)
    ours, sparks = refusal([*rows, {"a": None, "b": 1}, rows[0]])
    assert ours == sparks
    assert "the key is null in 1 rows, for example a=null, b=1" in str(ours)


def test_no_row_selected_is_told(refusal: Callable[..., tuple[str | None, str | None]]):
    ours, sparks = refusal([{"a": "r", "b": 1}, {"a": "q", "b": 1}], where="b > 5")
    assert "none of the 2 rows" in str(ours)
    assert "leaves none of the 2 rows" in str(sparks)


def test_digests_alone_accuse_nobody(
    refusal: Callable[..., tuple[str | None, str | None]], monkeypatch: pytest.MonkeyPatch
):
    """All keys share one."""
    hashed = key_check.row_keys
    monkeypatch.setattr(key_check, "row_keys", lambda columns: hashed(columns) * 0)
    assert refusal([{"a": "r", "b": n} for n in range(5)]) == (None, None)
