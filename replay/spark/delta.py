"""Delta tables, through the session's JVM: versions and their files, what was committed, what is kept in memory.

Leans on: the JVM's ``org.apache.spark.sql.delta.DeltaLog`` (``forTableWithSnapshot``, ``getSnapshotAt``,
``invalidateCache``) and its ``Snapshot`` (``metadata``, ``schema``, ``allFiles``, ``setTransactions``), which are no
public API: any release of Delta may change them, and managed Sparks have them under other names or not at all. And on
the name that Delta gives the RDD of a log that it keeps in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from replay.errors import TrafficError
from replay.files.places import local_path
from replay.spark.errors import java_reason
from replay.spark.file_systems import has_file_system
from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_COLUMN_MAPPING = "delta.columnMapping.mode"
_KEPT_IN_MEMORY = re.compile(r"Delta Table State.* - (.+)/_delta_log$")


@dataclass(frozen=True)
class LoggedFile:
    """One file that a version of a table consists of.

    Attributes:
        path: Local path or URI.
        size: Bytes.
        num_rows: Rows that are not deleted, or None where the log has no statistics.
        partition_values: Typed.
        deleted: Some of its rows are deleted by a deletion vector.
    """

    path: str
    size: int
    num_rows: int | None
    partition_values: Mapping[str, Any]
    deleted: bool


@dataclass(frozen=True)
class DeltaSnapshot:
    """One version of a table.

    Attributes:
        table_id: Of the table, in all its versions.
        version: Pinned.
        column_mapping: Columns have other names in the files.
        partition_columns: In order.
        files: Sorted by path.
    """

    table_id: str
    version: int
    column_mapping: bool
    partition_columns: tuple[str, ...]
    files: tuple[LoggedFile, ...]


def read_snapshot(spark: SparkSession, path: str, version: int | None, timestamp: datetime | None) -> DeltaSnapshot:
    """Read one version of a Delta table's log.

    Args:
        spark: The session.
        path: The table's directory, as Spark reads it.
        version: The version, or None.
        timestamp: Take the version that was current then, or None. With neither, the latest.

    Raises:
        TrafficError: No such version, or the log cannot be read.
    """
    from py4j.protocol import Py4JJavaError

    try:
        pair = _delta_log(spark).forTableWithSnapshot(spark._jsparkSession, path)
        log, snapshot = pair._1(), pair._2()
        if int(snapshot.version()) < 0:
            raise TrafficError(
                f"{path}: has a _delta_log with no commits: expected a Delta table with at least one version"
            )
        if timestamp is not None:
            version = _version_at(spark, path, timestamp)
        if version is not None and version != int(snapshot.version()):
            snapshot = _snapshot_at(spark, log, path, version, int(snapshot.version()))
        return _read(spark, path, snapshot)
    except Py4JJavaError as error:
        raise TrafficError(f"{path}: the Delta log cannot be read: {java_reason(error)}") from error


def has_delta(spark: SparkSession) -> bool:
    """Whether Delta's classes are on the session's class path; without them py4j takes the name for a package."""
    return type(_delta_log(spark)).__name__ == "JavaClass"


def is_table(spark: SparkSession, path: str) -> bool:
    """Whether there is a Delta table, with a version, at a path."""
    return _newest(spark, path) is not None


def transaction_versions(spark: SparkSession, path: str, app_id: str) -> list[int]:
    """The ``txnVersion`` of what was committed to a table under a ``txnAppId``: Delta keeps the newest of each."""
    snapshot = _newest(spark, path)
    if snapshot is None:
        return []
    transactions = snapshot.setTransactions()
    each = (transactions.apply(place) for place in range(transactions.size()))
    return [int(transaction.version()) for transaction in each if transaction.appId() == app_id]


def commit_metadata(spark: SparkSession, path: str) -> set[str | None]:
    """The different ``userMetadata`` of a table's commits."""
    history = spark.sql(f"DESCRIBE HISTORY delta.{quoted(path)}").select("userMetadata").distinct().collect()
    return {row["userMetadata"] for row in history}


def forget_log(spark: SparkSession, path: str) -> None:
    """Make the session read a table's log anew: what Delta keeps of it in memory goes."""
    if local_path(path) is None and not has_file_system(spark, path):
        return  # Spark cannot have read it
    jvm: Any = spark._jvm
    _delta_log(spark).invalidateCache(spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(path))


def logs_in_memory(spark: SparkSession) -> frozenset[tuple[int, str]]:
    """The logs that Delta keeps as cached RDDs: number of the RDD, and path of the table."""
    cached = spark.sparkContext._jsc.getPersistentRDDs()
    names = ((int(number), _KEPT_IN_MEMORY.match(str(rdd.name()))) for number, rdd in cached.items())
    return frozenset((number, name[1]) for number, name in names if name is not None)


def _delta_log(spark: SparkSession) -> Any:
    jvm: Any = spark._jvm
    return jvm.org.apache.spark.sql.delta.DeltaLog


def _newest(spark: SparkSession, path: str) -> Any | None:
    """The newest snapshot of the table at a path, or None where there is none yet.

    The log is listed anew: others than Spark commit to tables as well.
    """
    snapshot = _delta_log(spark).forTableWithSnapshot(spark._jsparkSession, path)._2()
    return snapshot if snapshot.version() >= 0 else None


def _snapshot_at(spark: SparkSession, log: Any, path: str, version: int, latest: int) -> Any:
    from py4j.protocol import Py4JJavaError

    jvm: Any = spark._jvm
    none = jvm.scala.Option.empty()
    try:
        if version > latest:
            raise TrafficError(
                f"{path}: has no version {version}: the latest is {latest}; give another `traffic.delta_version`"
            )
        return log.getSnapshotAt(version, none, none, False)
    except Py4JJavaError as error:
        raise TrafficError(
            f"{path}: version {version} can no longer be read, its log was cleaned up ({java_reason(error)}): "
            f"give a later `traffic.delta_version`, up to {latest}"
        ) from error


def _version_at(spark: SparkSession, path: str, timestamp: datetime) -> int:
    """The version that was current at a time; the latest, where the time is after it."""
    from delta.tables import DeltaTable
    from pyspark.sql import functions as F

    history = DeltaTable.forPath(spark, path).history()
    commits = history.select("version", F.unix_micros("timestamp").alias("at")).orderBy("version").toArrow().to_pylist()
    asked = round((timestamp - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
    before = [commit["version"] for commit in commits if commit["at"] <= asked]
    if not before:
        first = datetime.fromtimestamp(commits[0]["at"] / 1_000_000, UTC)
        raise TrafficError(
            f"{path}: had no version at {timestamp.isoformat()}: its oldest known one, {commits[0]['version']}, "
            f"is of {first.isoformat()}; give a later `traffic.delta_timestamp`"
        )
    return int(before[-1])


def _read(spark: SparkSession, path: str, snapshot: Any) -> DeltaSnapshot:
    metadata = snapshot.metadata()
    partitions = tuple(str(name) for name in metadata.partitionColumns().mkString("\x00").split("\x00") if name)
    configuration = metadata.configuration()
    mapping = configuration.get(_COLUMN_MAPPING)
    mapped = bool(mapping.isDefined()) and str(mapping.get()) != "none"
    rows = _file_rows(spark, snapshot, () if mapped else partitions)
    files = sorted((_logged_file(path, row) for row in rows), key=lambda file: file.path)
    return DeltaSnapshot(str(metadata.id()), int(snapshot.version()), mapped, partitions, tuple(files))


def _file_rows(spark: SparkSession, snapshot: Any, partitions: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row a file. Partition values are cast by Spark, as Delta does when it reads them."""
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    types = {field.name: field.dataType for field in _table_schema(snapshot)}
    values = [
        F.nullif(F.col("partitionValues").getItem(name), F.lit("")).cast(types[name]).alias(f"partition {place}")
        for place, name in enumerate(partitions)
    ]
    table: pa.Table = (
        DataFrame(snapshot.allFiles().toDF(), spark)
        .select(
            "path",
            "size",
            F.get_json_object("stats", "$.numRecords").cast("long").alias("records"),
            F.col("deletionVector.cardinality").alias("deleted"),
            *values,
        )
        .toArrow()
    )
    named = {f"partition {place}": name for place, name in enumerate(partitions)}
    rows = table.to_pylist()
    return [{**row, "values": {name: row[column] for column, name in named.items()}} for row in rows]


def _table_schema(snapshot: Any) -> Any:
    from pyspark.sql.types import StructType

    return StructType.fromJson(json.loads(snapshot.schema().json()))


def _logged_file(path: str, row: dict[str, Any]) -> LoggedFile:
    records, deleted = row["records"], row["deleted"]
    return LoggedFile(
        path=resolve_path(path, row["path"]),
        size=row["size"],
        num_rows=None if records is None else records - (deleted or 0),
        partition_values=row["values"],
        deleted=deleted is not None,
    )


def resolve_path(table: str, logged: str) -> str:
    """Make a path of the log, relative or absolute and URL-encoded, a path that files are opened by.

    Args:
        table: The table's directory.
        logged: As an action of the log has it.
    """
    place = unquote(logged)
    scheme, colon, rest = place.partition(":")
    if colon and "/" not in scheme and rest.startswith("/"):
        return "/" + rest.lstrip("/") if scheme == "file" else place
    return place if place.startswith("/") else f"{table.rstrip('/')}/{place}"
