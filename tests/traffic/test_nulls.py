"""Columns without any value, proven over what is selected."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.traffic import always_null, open_traffic
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark


def test_only_selected_rows_count(spark: SparkSession, tmp_path: Path):
    table = pa.table({
        "id": [1, 2, 3],
        "score": [0.0, 0.0, 0.0],
        "some": [None, None, 1.0],
        "ctx": pa.array(
            [{"a": None, "b.c": 1}, {"a": None, "b.c": None}, {"a": None, "b.c": 2}],
            pa.struct({"a": pa.int32(), "b.c": pa.int64()}),
        ),
        "none": pa.array([None, None, None], pa.int32()),
        "list": pa.array([None, [None], None], pa.list_(pa.int32())),
    })  # fmt: skip
    path = write(tmp_path / "t.parquet", table)
    names = ["some", "ctx.a", "none", "list"]
    assert always_null(spark, open_traffic(spark, traffic_config(path)), names) == ("ctx.a", "none")
    selected = open_traffic(spark, traffic_config(path, where="id < 3"))
    assert always_null(spark, selected, names) == ("some", "ctx.a", "none")
    assert always_null(spark, selected, []) == ()
