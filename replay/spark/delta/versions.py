"""Delta tables by Spark's public SQL: that there is one, its versions, what was committed to it.

This is for what the log's own text and delta-rs do not tell: tables on file systems that Spark alone reaches, tables
that a catalog gives only by name, features of Delta that neither of them knows.

Leans on: py4j taking the name of a class that is not there for a package, where the session gives its JVM: to read a
table that is not there takes a quarter of a second of a new session. ``_cause`` of what PySpark raises: there alone
is what Delta said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from replay.errors import TrafficError
from replay.spark.access import gives_jvm
from replay.spark.delta.snapshot import COLUMN_MAPPING, MAPPED, DeltaSnapshot, LoggedFile, no_version
from replay.spark.errors import one_line, unlogged
from replay.spark.read import delta_dataframe
from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_BY_SPARK = "only Spark reads the log of the Delta table"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def has_delta(spark: SparkSession) -> bool:
    """Whether a session reads Delta tables."""
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, PySparkException

    if gives_jvm(spark):
        jvm: Any = spark._jvm
        return type(jvm.org.apache.spark.sql.delta.DeltaLog).__name__ == "JavaClass"
    try:
        with unlogged():
            _ = spark.read.format("delta").load("/replay-no-such-table").schema
    except AnalysisException:
        return True  # it looked for the table
    except (PySparkException, Py4JError) as error:
        if "DATA_SOURCE_NOT_FOUND" in str(error):
            return False
        raise
    return True


def is_table(spark: SparkSession, path: str) -> bool:
    """Whether there is a Delta table, with a version, at a path."""
    return reading_refusal(spark, path) is None


def reading_refusal(spark: SparkSession, path: str) -> str | None:
    """Why Spark does not read a Delta table at a path; None where it does."""
    from pyspark.errors import AnalysisException

    try:
        with unlogged():
            _ = spark.read.format("delta").load(path).schema
    except AnalysisException as error:
        return one_line(str(error))
    return None


def read_snapshot(spark: SparkSession, path: str, version: int | None, table: str | None = None) -> DeltaSnapshot:
    """One version of a Delta table, as far as SQL tells: no sizes and no statistics of its files.

    Args:
        spark: The session.
        path: The table's directory, as Spark reads it; for one of the catalog what messages call it.
        version: The version; None for the latest.
        table: The table's name in the catalog.

    Raises:
        TrafficError: No such version, or the log cannot be read.
    """
    with _log_errors(path):
        (detail,) = spark.sql(f"DESCRIBE DETAIL {_in_sql(path, table)}").select("id", "properties").collect()
        latest = _commits(spark, path, table)[-1][0]
    if version is not None and version > latest:
        raise TrafficError(no_version(path, version, latest))
    pinned = latest if version is None else version
    mapped = (detail["properties"] or {}).get(COLUMN_MAPPING, "none") != "none"
    names = _files(spark, path, pinned, latest, table)
    files = tuple(LoggedFile(name, None, None, {}, deleted=False) for name in names)
    return DeltaSnapshot(detail["id"], pinned, (), files, MAPPED if mapped else _BY_SPARK)


def version_at(spark: SparkSession, path: str, timestamp: datetime, table: str | None = None) -> int:
    """The version that was current at a time; the latest, where the time is after it.

    Args:
        spark: The session.
        path: See :func:`read_snapshot`.
        timestamp: The time.
        table: See :func:`read_snapshot`.

    Raises:
        TrafficError: There was none yet, or the log cannot be read.
    """
    with _log_errors(path):
        commits = _commits(spark, path, table)
    asked = round((timestamp - _EPOCH).total_seconds() * 1_000_000)
    before = [version for version, at in commits if at <= asked]
    if not before:
        version, at = commits[0]
        first = datetime.fromtimestamp(at / 1_000_000, UTC)
        raise TrafficError(
            f"{path}: had no version at {timestamp.isoformat()}: its oldest known one, {version}, "
            f"is of {first.isoformat()}; give a later `traffic.delta_timestamp`"
        )
    return before[-1]


@contextmanager
def _log_errors(path: str) -> Iterator[None]:
    """Turn what Spark says of a log into one error, with what it comes from: an action that is not as it should be."""
    from pyspark.errors import AnalysisException, SparkRuntimeException

    try:
        with unlogged():
            yield
    except (AnalysisException, SparkRuntimeException) as error:
        origin: Any = error
        while getattr(origin, "_cause", None) is not None:
            origin = origin._cause
        raise TrafficError(f"{path}: the Delta log cannot be read: {one_line(str(origin))}") from error


def commit_metadata(spark: SparkSession, path: str) -> set[str | None]:
    """The different ``userMetadata`` of a table's commits."""
    history = spark.sql(f"DESCRIBE HISTORY {_in_sql(path, None)}").select("userMetadata").distinct().collect()
    return {row["userMetadata"] for row in history}


def num_appends(spark: SparkSession, path: str, metadata: str) -> int:
    """How many commits of some ``userMetadata`` add to a table, and replace nothing."""
    from pyspark.sql import functions as F

    history = spark.sql(f"DESCRIBE HISTORY {_in_sql(path, None)}").where(F.col("userMetadata") == metadata)
    modes = history.select(F.lower(F.col("operationParameters").getItem("mode")).alias("mode")).collect()
    return sum(row["mode"] != "overwrite" for row in modes)


def _commits(spark: SparkSession, path: str, table: str | None) -> Sequence[tuple[int, int]]:
    """Versions that the log still has, in order, each with the microseconds since 1970 of its commit."""
    from pyspark.sql import functions as F

    history = spark.sql(f"DESCRIBE HISTORY {_in_sql(path, table)}")
    rows = history.select("version", F.unix_micros("timestamp").alias("at")).collect()
    return sorted((int(row["version"]), int(row["at"])) for row in rows)


def _files(spark: SparkSession, path: str, version: int, latest: int, table: str | None) -> list[str]:
    """Paths of a version's files, sorted."""
    from pyspark.errors import PySparkException

    try:
        with unlogged():
            uris = delta_dataframe(spark, path, version, table).inputFiles()
    except PySparkException as error:
        raise TrafficError(
            f"{path}: version {version} can no longer be read ({one_line(str(error))}): give a later "
            f"`traffic.delta_version`, up to {latest}"
        ) from error
    return sorted("/" + uri[5:].lstrip("/") if uri.startswith("file:") else uri for uri in uris)


def _in_sql(path: str, table: str | None) -> str:
    return table or f"delta.{quoted(path)}"
