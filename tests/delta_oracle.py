"""What Delta itself has of a table: its own log in the JVM, which no code of the package asks."""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from replay.spark.delta.snapshot import DELETED, MAPPED, DeltaSnapshot, LoggedFile, resolve_path


def logged_snapshot(spark: SparkSession, path: str, version: int | None = None) -> DeltaSnapshot:
    """One version of a table; partition values as Spark casts them."""
    jvm: Any = spark._jvm
    none = jvm.scala.Option.empty()
    pair = jvm.org.apache.spark.sql.delta.DeltaLog.forTableWithSnapshot(spark._jsparkSession, path)
    snapshot = pair._2() if version is None else pair._1().getSnapshotAt(version, none, none, False)
    metadata = snapshot.metadata()
    partitions = tuple(str(name) for name in metadata.partitionColumns().mkString("\x00").split("\x00") if name)
    mode = metadata.configuration().get("delta.columnMapping.mode")
    mapped = bool(mode.isDefined()) and str(mode.get()) != "none"
    rows = file_rows(spark, snapshot, () if mapped else partitions)
    files = tuple(sorted((logged_file(path, row) for row in rows), key=lambda file: file.path))
    deleted = any(file.deleted for file in files)
    obstacle = MAPPED if mapped else DELETED if deleted else None
    return DeltaSnapshot(str(metadata.id()), int(snapshot.version()), partitions, files, obstacle)


def file_rows(spark: SparkSession, snapshot: Any, partitions: tuple[str, ...]) -> list[dict[str, Any]]:
    types = {field.name: field.dataType for field in StructType.fromJson(json.loads(snapshot.schema().json()))}
    values = [
        F.nullif(F.col("partitionValues").getItem(name), F.lit("")).cast(types[name]).alias(f"partition {place}")
        for place, name in enumerate(partitions)
    ]
    files = DataFrame(snapshot.allFiles().toDF(), spark).select(
        "path",
        "size",
        F.get_json_object("stats", "$.numRecords").cast("long").alias("records"),
        F.col("deletionVector.cardinality").alias("deleted"),
        *values,
    )
    named = {f"partition {place}": name for place, name in enumerate(partitions)}
    rows = files.toArrow().to_pylist()
    return [{**row, "values": {name: row[column] for column, name in named.items()}} for row in rows]


def logged_file(path: str, row: dict[str, Any]) -> LoggedFile:
    records, deleted = row["records"], row["deleted"]
    return LoggedFile(
        path=resolve_path(path, row["path"]),
        size=row["size"],
        num_rows=None if records is None else records - (deleted or 0),
        partition_values=row["values"],
        deleted=deleted is not None,
    )
