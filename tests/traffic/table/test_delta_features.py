"""What Delta can do to a table: both readers give what Spark's own read gives, or the table is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.traffic import open_traffic
from tests.traffic.tables import read_direct, read_scan, traffic_config

pytestmark = pytest.mark.spark

ROWS = "INSERT INTO {t} (id, score, a) SELECT id, 0.5D, id FROM range(20)"
WIDE = "USING delta TBLPROPERTIES('delta.enableTypeWidening'='true', 'delta.feature.timestampNtz'='supported')"


def widened(before: str, after: str, later: str) -> list[str]:
    """A column of one type, then of a wider one, with values that only that one holds."""
    return [
        f"CREATE TABLE {{t}} (id bigint, score double, a {before}) {WIDE}",
        f"INSERT INTO {{t}} SELECT id, 0.5D, CAST(id AS {before}) FROM range(20)"
        if before != "date"
        else "INSERT INTO {t} SELECT id, 0.5D, date_add(DATE'2024-01-01', CAST(id AS int)) FROM range(20)",
        f"ALTER TABLE {{t}} ALTER COLUMN a TYPE {after}",
        f"INSERT INTO {{t}} SELECT id + 100, 0.5D, {later} FROM range(20)",
    ]


def table(columns: str = "a bigint", more: str = "", **properties: str) -> str:
    listed = ", ".join(f"'delta.{name}'='{value}'" for name, value in properties.items())
    return f"CREATE TABLE {{t}} (id bigint, score double, {columns}) USING delta {more}" + (
        f" TBLPROPERTIES({listed})" if listed else ""
    )


# By what is done: the statements, and whether only Spark reads the table then.
FEATURES: dict[str, tuple[list[str], bool]] = {
    "int to bigint": (widened("int", "bigint", "id + 10000000000"), False),
    "smallint to double": (widened("smallint", "double", "id + 0.25D"), False),
    "float to double": (widened("float", "double", "id + 0.1D"), False),
    "decimal to decimal": (widened("decimal(6,2)", "decimal(12,4)", "CAST(id + 0.1234 AS decimal(12,4))"), False),
    "int to decimal": (widened("int", "decimal(12,1)", "CAST(id + 0.5 AS decimal(12,1))"), False),
    "date to timestamp_ntz": (widened("date", "timestamp_ntz", "TIMESTAMP_NTZ'2024-01-01 10:00:00.000001'"), False),
    "renamed, dropped, added": (
        [
            table("a bigint, b string", **{"columnMapping.mode": "name"}),
            "INSERT INTO {t} SELECT id, 0.5D, id, concat('x', id) FROM range(20)",
            "ALTER TABLE {t} RENAME COLUMN a TO c",
            "ALTER TABLE {t} DROP COLUMN b",
            "ALTER TABLE {t} ADD COLUMN a string",
            "INSERT INTO {t} SELECT id + 100, 0.5D, id, 'new' FROM range(20)",
        ],
        True,
    ),
    "a field renamed": (
        [
            table("a struct<x: int, y: string>", **{"columnMapping.mode": "id"}),
            "INSERT INTO {t} SELECT id, 0.5D, named_struct('x', CAST(id AS int), 'y', 'z') FROM range(20)",
            "ALTER TABLE {t} RENAME COLUMN a.x TO w",
        ],
        True,
    ),
    "defaults": (
        [
            table("a bigint DEFAULT 42", **{"feature.allowColumnDefaults": "supported"}),
            "INSERT INTO {t} (id, score) SELECT id, 0.5D FROM range(20)",
        ],
        False,
    ),
    "constraints": ([table(), "ALTER TABLE {t} ADD CONSTRAINT positive CHECK (a >= 0)", ROWS], False),
    "generated columns": ([table("a bigint, g bigint GENERATED ALWAYS AS (a * 2)"), ROWS], False),
    "row tracking": ([table(enableRowTracking="true"), ROWS], False),
    "checkpoints of version 2": (
        [table(checkpointPolicy="v2", checkpointInterval="2"), *[ROWS.replace("SELECT id,", "SELECT id + 100,")] * 3],
        False,
    ),
    "clustering": ([table(more="CLUSTER BY (a)"), ROWS], False),
    "timestamps without a zone": (
        [
            table("a timestamp_ntz, b timestamp"),
            "INSERT INTO {t} SELECT id, 0.5D, TIMESTAMP_NTZ'2024-03-31 02:30:00', TIMESTAMP'2024-03-31 02:30:00' "
            "FROM range(20)",
        ],
        False,
    ),
    "deletion vectors": (
        [table(enableDeletionVectors="true"), ROWS, "DELETE FROM {t} WHERE id % 3 = 0"],
        True,
    ),
    "change data": (
        [
            table(enableChangeDataFeed="true"),
            ROWS,
            "UPDATE {t} SET a = a + 1 WHERE id < 5",
            "DELETE FROM {t} WHERE id > 15",
        ],
        False,
    ),
    "times in commits": ([table(enableInCommitTimestamps="true"), ROWS], False),
    "partitions that widened": (
        [
            table("a int", "PARTITIONED BY (a)", enableTypeWidening="true"),
            "INSERT INTO {t} SELECT id, 0.5D, CAST(id % 3 AS int) FROM range(20)",
            "ALTER TABLE {t} ALTER COLUMN a TYPE bigint",
            "INSERT INTO {t} SELECT id + 100, 0.5D, id % 3 + 10000000000 FROM range(20)",
        ],
        False,
    ),
}


@pytest.mark.parametrize("feature", list(FEATURES))
def test_both_readers_give_what_spark_reads(spark: SparkSession, tmp_path: Path, feature: str) -> None:
    statements, by_spark_alone = FEATURES[feature]
    path = str(tmp_path / "t")
    for statement in statements:
        spark.sql(statement.format(t=f"delta.`{path}`"))
    expected = spark.read.format("delta").load(path).toArrow()

    traffic = open_traffic(spark, traffic_config(path))

    assert traffic.schema.names == expected.schema.names
    assert (traffic.direct_problem is not None) == by_spark_alone
    assert values(read_scan(spark, traffic)) == values(expected)
    if not by_spark_alone:
        assert values(read_direct(spark, traffic)) == values(expected)


def values(rows: pa.Table) -> list[str]:
    return sorted(repr({name: in_utc(value) for name, value in row.items()}) for row in rows.to_pylist())


def in_utc(value: object) -> object:
    """An instant, whatever its zone is called."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value


def test_a_column_that_no_reader_gives_is_not_there(spark: SparkSession, tmp_path: Path) -> None:
    """A variant has no type in Arrow: a config that names it is told that there is no such column."""
    path = str(tmp_path / "t")
    spark.sql(f"CREATE TABLE delta.`{path}` (id bigint, score double, v variant) USING delta")
    spark.sql(f"INSERT INTO delta.`{path}` SELECT id, 0.5D, parse_json('1') FROM range(20)")
    traffic = open_traffic(spark, traffic_config(path))
    assert traffic.schema.names == ["id", "score"]
    assert values(read_scan(spark, traffic)) == values(read_direct(spark, traffic))
