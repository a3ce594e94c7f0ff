"""Tables of Spark's catalog: what they are and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.errors import TrafficError
from replay.spark.errors import one_line, unlogged

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DETAILS = "# Detailed Table Information"
_PARTITIONS = "# Partition Information"


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
