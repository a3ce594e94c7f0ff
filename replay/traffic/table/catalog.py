"""A logged table of Spark's catalog: a Delta or Parquet table as any other, or a view that only Spark can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.config import TrafficConfig
from replay.errors import TrafficError
from replay.spark.errors import one_line, traffic_errors, unlogged
from replay.spark.hadoop import local_path
from replay.spark.types import readable_schema
from replay.traffic.table.delta import open_delta, refuse_version
from replay.traffic.table.parquet import open_parquet
from replay.traffic.table.pinned import PinnedTraffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DETAILS = "# Detailed Table Information"
_PARTITIONS = "# Partition Information"


def open_catalog_table(
    spark: SparkSession, config: TrafficConfig, name: str, *, lenient: bool = False
) -> PinnedTraffic:
    """Pin a table or view of the catalog; of one in files, those that cannot be read may be set aside.

    Raises:
        TrafficError: There is none of that name, or it cannot be read.
        ConfigError: A version is asked of what has none.
    """
    found = find_table(spark, name)
    local = local_path(spark, found.location) if found.location else None
    with traffic_errors(name):
        if found.provider == "delta":
            return open_delta(spark, config, local or found.location or name, name, lenient=lenient)
        refuse_version(config, name)
        dataframe = spark.table(name)
        schema = readable_schema(dataframe)
        if found.provider == "parquet" and local is not None and not found.partitioned:
            return open_parquet(spark, config, local, declared=schema, lenient=lenient)
        files = sorted(dataframe.inputFiles())
    return PinnedTraffic(
        format="view",
        config=config,
        location=name,
        schema=schema,
        num_rows=None,
        direct_obstacle=f"`{name}` is a view, or a table whose partitions only the catalog knows",
        identity=(name, str(dataframe.schema.json()), *(_stamp(spark, file) for file in files)),
    )


def _stamp(spark: SparkSession, uri: str) -> str:
    """Stand for a file under a view: with size and time of change, where it is local."""
    path = local_path(spark, uri)
    if path is None or not Path(path).exists():
        return uri
    status = Path(path).stat()
    return f"{uri} {status.st_size} {status.st_mtime_ns}"


@dataclass(frozen=True)
class CatalogTable:
    """What the catalog says of a table.

    Attributes:
        provider: ``delta``, ``parquet``, ...; empty for a view.
        location: Path or URI; empty for a view.
        partitioned: The catalog keeps a list of its partitions.
    """

    provider: str
    location: str
    partitioned: bool


def find_table(spark: SparkSession, name: str) -> CatalogTable:
    """Look a table or view up.

    Raises:
        TrafficError: There is none of that name.
    """
    from pyspark.errors import AnalysisException, ParseException

    try:
        with unlogged():
            rows = spark.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()
    except (AnalysisException, ParseException) as error:
        raise TrafficError(
            f"the catalog has no table `{name}` ({one_line(str(error))}): give `traffic.table` as "
            "catalog.database.table, or `traffic.path`"
        ) from error
    headings = [row.col_name for row in rows]
    details = rows[headings.index(_DETAILS) :] if _DETAILS in headings else []
    facts = {row.col_name: row.data_type for row in details}
    is_view = "VIEW" in facts.get("Type", "VIEW")
    return CatalogTable(
        provider="" if is_view else facts.get("Provider", "").lower(),
        location="" if is_view else facts.get("Location", ""),
        partitioned=_PARTITIONS in headings,
    )
