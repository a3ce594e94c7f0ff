"""Files in encodings and codecs that Spark lacks: both readers give the scores of plain numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay
from replay.store.arrow_tables import read_arrow_table
from replay.traffic import open_traffic
from tests.flows.case import expected_scores, make_table, write_case
from tests.traffic.tables import read_direct, read_scan, traffic_config

pytestmark = pytest.mark.spark

ROWS = 300
STORED: dict[str, dict[str, Any]] = {
    "byte_stream_split": {"use_dictionary": False, "column_encoding": dict.fromkeys(["x0", "x2"], "BYTE_STREAM_SPLIT")},
    "split integers": {"use_dictionary": False, "column_encoding": dict.fromkeys(["item"], "BYTE_STREAM_SPLIT")},
    "brotli": {"compression": "brotli"},
    "lz4": {"compression": "lz4"},
    "zstd": {"compression": "zstd"},
    "gzip": {"compression": "gzip"},
    "brotli in one column": {"compression": {"x0": "brotli", "item": "snappy"}},
    "delta": {
        "use_dictionary": False,
        "column_encoding": {"item": "DELTA_BINARY_PACKED", "request_id": "DELTA_BYTE_ARRAY"},
    },
    "pages of version 2": {"data_page_version": "2.0", "use_dictionary": False},
}


@pytest.mark.parametrize("stored", list(STORED))
def test_both_readers_deliver_the_same(spark: SparkSession, tmp_path: Path, stored: str):
    table = make_table(ROWS)
    pq.write_table(table, tmp_path / "p.parquet", **STORED[stored])
    traffic = open_traffic(spark, traffic_config(tmp_path, key=["request_id"], score="online_score"))
    read = read_direct(spark, traffic)
    assert read.select(table.schema.names).to_pylist() == table.to_pylist()
    assert read_scan(spark, traffic).sort_by("request_id").to_pylist() == read.to_pylist()


@pytest.mark.parametrize("stored", ["byte_stream_split", "brotli"])
def test_the_spark_reader_scores_them(spark: SparkSession, tmp_path: Path, stored: str):
    table = make_table(ROWS)
    config = write_case(tmp_path, table, engine={"reader": "spark"})
    for file in (tmp_path / "traffic").iterdir():
        file.unlink()
    pq.write_table(table, tmp_path / "traffic" / "p.parquet", **STORED[stored])
    replay.run(config, quiet=True)
    scores = read_arrow_table(str(tmp_path / "out" / "scores"))
    assert scores is not None
    scores = scores.sort_by("request_id")
    np.testing.assert_allclose(scores["prod"].to_numpy(), expected_scores(table), atol=1e-6)


def test_a_delta_table_too(spark: SparkSession, tmp_path: Path):
    from deltalake import write_deltalake

    table = pa.table({"id": range(50), "score": [0.5] * 50, "x": np.arange(50.0)})
    write_deltalake(str(tmp_path / "t"), table)
    (file,) = (tmp_path / "t").glob("*.parquet")
    size = file.stat().st_size
    pq.write_table(table, file, compression="brotli")
    log = next((tmp_path / "t" / "_delta_log").glob("*.json"))
    log.write_text(log.read_text().replace(f'"size":{size}', f'"size":{file.stat().st_size}'))
    for crc in (tmp_path / "t" / "_delta_log").glob(".*.crc"):
        crc.unlink()
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    assert read_scan(spark, traffic).sort_by("id")["x"].to_pylist() == table["x"].to_pylist()
