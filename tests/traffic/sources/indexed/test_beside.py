"""What tasks put beside the rows that they read: what Spark's join gives."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.traffic import JoinedColumn, JoinedTable, plan_splits, read_split, side_dataframe
from replay.traffic.read.sample import draw_direct, first_rows
from replay.traffic.sources.indexed.beside import lookups_of, names_taken
from tests.traffic.sources.indexed.tables import ROWS, indexed, served

pytestmark = pytest.mark.spark

MATCHED = "replay:matched:served"


def test_rows_are_read_with_what_the_other_table_holds(spark: SparkSession, tmp_path: Path):
    traffic, source, index = indexed(spark, tmp_path, [served()], ["f", "word"])
    taken = [JoinedColumn(f"joined {name}", "served", name) for name in ("x", "tags", "word")]
    table = JoinedTable(source, MATCHED, tuple(taken))
    assert names_taken(table) == {"joined x": "f.x", "joined tags": "f.tags", "joined word": "word"}

    lookups = lookups_of(traffic.schema, [table], {"served": index})
    plan = pickle.loads(pickle.dumps(plan_splits(spark, traffic, ["place"], "direct", lookups=lookups)))
    read = [batch for split in plan.splits for batch in read_split(split, plan, batch_rows=77)]
    found = pa.Table.from_batches(read).sort_by("place")
    by_spark = side_dataframe(spark, traffic, ["place"], [], [], [table]).toArrow().sort_by("place")

    assert found.to_pylist() == by_spark.to_pylist()
    assert found.column(MATCHED).to_pylist() == [row % 2 == 0 for row in range(ROWS)]
    assert plan.schema == found.schema
    assert plan.columns == ("place",)
    assert first_rows(plan, 5).schema.names == ["place"]
    assert draw_direct(plan, 5).batch.schema.names == ["place"]


def test_columns_that_are_never_null_there_are_where_there_is_no_row(spark: SparkSession, tmp_path: Path):
    schema = pa.schema([pa.field("key", pa.string(), nullable=False), pa.field("word", pa.string(), nullable=False)])
    table = pa.table({"key": ["r0", "r2"], "word": ["a", "b"]}, schema=schema)
    traffic, source, index = indexed(spark, tmp_path, [table, table.slice(0, 0)], ["word"], columns={})
    (lookup,) = lookups_of(
        traffic.schema, [JoinedTable(source, MATCHED, (JoinedColumn("w", "served", "word"),))], {"served": index}
    )
    batch = pa.RecordBatch.from_pydict({"id": ["r1", "r2", "r0"]})
    assert [column.to_pylist() for column in lookup.look_up(batch)] == [[None, "b", "a"], [False, True, True]]


def test_whether_there_is_a_row_is_all_that_is_asked(spark: SparkSession, tmp_path: Path):
    traffic, source, index = indexed(spark, tmp_path, [served()], [])
    (lookup,) = lookups_of(traffic.schema, [JoinedTable(source, MATCHED)], {"served": index})
    assert lookup.reads == ("id",)
    assert lookup.fields == (pa.field(MATCHED, pa.bool_()),)
    batch = pa.RecordBatch.from_pydict({"id": ["r1", "r2", None]})
    assert [column.to_pylist() for column in lookup.look_up(batch)] == [[False, True, False]]
