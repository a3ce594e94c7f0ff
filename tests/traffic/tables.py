"""Small tables, configs over them, and the rows that a reader delivers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.types import BinaryType, StructField, StructType

from replay.config import TrafficConfig
from replay.spark.tasks.arrow_mapping import map_batches
from replay.traffic import PinnedTraffic, ReadPlan, plan_splits, read_split, scan_dataframe
from replay.traffic.read.selecting.window import TimeFilter
from replay.traffic.read.splits import make_splits
from replay.traffic.table.data_files import DataFile
from replay.traffic.table.footers import read_footers


def traffic_config(path: object = None, **settings: Any) -> TrafficConfig:
    data = {"key": ["id"], "score": "score", **settings}
    if path is not None:
        data["path"] = str(path)
    return TrafficConfig.model_validate(data)


def write(path: Path, table: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def data_file(path: Path, **settings: Any) -> DataFile:
    status = path.stat()
    rows = read_footers([str(path)])[0].metadata.num_rows
    return DataFile(str(path), status.st_size, rows, status.st_mtime_ns, **settings)


def read_files(
    files: list[DataFile],
    schema: pa.Schema,
    window: TimeFilter | None = None,
    dictionaries: Collection[str] = (),
    **options: Any,
) -> list[pa.RecordBatch]:
    plan = ReadPlan(schema, window, dictionaries=frozenset(dictionaries))
    return [batch for split in make_splits(files, window) for batch in read_split(split, plan, **options)]


def read_direct(spark: Any, traffic: PinnedTraffic, columns: list[str] | None = None) -> pa.Table:
    plan = plan_splits(spark, traffic, columns or traffic.schema.names, "direct")
    batches = [batch for split in plan.splits for batch in read_split(split, plan)]
    return pa.Table.from_batches(batches, plan.schema)


def read_scan(spark: Any, traffic: PinnedTraffic, columns: list[str] | None = None) -> pa.Table:
    """What the Spark reader's ``mapInArrow`` sees, caught as IPC bytes."""
    wanted = columns or traffic.schema.names

    def pack(batches: Any) -> Any:
        for batch in batches:
            packed = batch.serialize().to_pybytes()
            schema = batch.schema.serialize().to_pybytes()
            yield pa.RecordBatch.from_arrays([pa.array([schema]), pa.array([packed])], ["schema", "batch"])

    schema = StructType([StructField("schema", BinaryType()), StructField("batch", BinaryType())])
    found = map_batches(scan_dataframe(spark, traffic, wanted), pack, schema).toArrow()
    batches = []
    for row in found.to_pylist():
        schema = pa.ipc.read_schema(pa.py_buffer(row["schema"]))
        batches.append(pa.ipc.read_record_batch(pa.py_buffer(row["batch"]), schema))
    return pa.Table.from_batches(batches) if batches else traffic.schema.empty_table().select(wanted)
