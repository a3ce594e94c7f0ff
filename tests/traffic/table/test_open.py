"""Finding the table that a path means."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError, TrafficError
from replay.traffic import open_traffic
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

ROWS = pa.table({"id": [1, 2, 3], "score": [0.1, 0.2, 0.3]})


@pytest.mark.parametrize("url", ["file://{}", "file:{}"])
def test_a_file_url(spark: SparkSession, tmp_path: Path, url: str) -> None:
    write(tmp_path / "x y" / "t.parquet", ROWS)
    traffic = open_traffic(spark, traffic_config(url.format(tmp_path / "x y")))
    assert traffic.num_rows == 3
    encoded = open_traffic(spark, traffic_config(url.format(tmp_path / "x%20y")))
    assert encoded.location == traffic.location


def test_a_path_that_is_not_there(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(TrafficError, match="nowhere: no such file"):
        open_traffic(spark, traffic_config(tmp_path / "nowhere"))


@pytest.mark.parametrize("version", [{"delta_version": 0}, {"delta_timestamp": "2026-01-01"}])
def test_parquet_has_no_versions(spark: SparkSession, tmp_path: Path, version: dict[str, object]) -> None:
    write(tmp_path / "t.parquet", ROWS)
    with pytest.raises(ConfigError) as caught:
        open_traffic(spark, traffic_config(tmp_path, **version))
    assert caught.value.problems[0].path == f"traffic.{next(iter(version))}"
