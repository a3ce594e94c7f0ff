"""``replay.score``: a DataFrame in, the same rows with a score out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.errors import ConfigError
from tests.flows.case import config_data, expected_scores, make_table, write_case

pytestmark = pytest.mark.spark


def test_rows_come_back_with_their_scores(spark: SparkSession, tmp_path: Path):
    table = make_table(rows=1_000)
    write_case(tmp_path, table)
    dataframe = spark.read.parquet(str(tmp_path / "traffic"))
    scored = replay.score(dataframe, str(tmp_path / "prod.pt2"), config_data()["model"])
    assert scored.columns == [*dataframe.columns, "rejected", "score"]
    found = {row.request_id: row.score for row in scored.collect()}
    expected = dict(zip(table["request_id"].to_pylist(), expected_scores(table), strict=True))
    assert found.keys() == expected.keys()
    assert max(abs(found[key] - expected[key]) for key in expected) < 1e-6


def test_a_column_that_is_not_there_is_named(spark: SparkSession, tmp_path: Path):
    write_case(tmp_path, make_table(rows=100))
    dataframe = spark.createDataFrame(pa.table({"x0": [1.0], "x1": [1.0], "x2": [1.0], "itm": [3]}))
    with pytest.raises(ConfigError, match="item"):
        replay.score(dataframe, str(tmp_path / "prod.pt2"), config_data()["model"])
