"""The tables beside the scores: their schemas against the code that writes them, and values as they are written."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from replay.diagnosis.causes.find import Trial
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.features import REJECT_REASONS
from replay.flows.stages import tables
from replay.flows.stages.tables import _DIFFS, _HYPOTHESES, _METRICS
from replay.metrics.row import MetricRow
from replay.report.summary.data import WorstRow
from replay.scoring import REJECTED
from replay.store import read_table, replace_table

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
INSTANT = pa.timestamp("us", tz="UTC")
JSON_TYPES = {pa.string(): "string", pa.float64(): "number", pa.int64(): "integer", INSTANT: "string"}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def expected(field: pa.Field) -> Any:
    if pa.types.is_map(field.type):
        return "object"
    if pa.types.is_list(field.type):
        return "array"
    kind = JSON_TYPES[field.type]
    return [kind, "null"] if field.nullable else kind


@pytest.mark.parametrize(("name", "columns"), [("diffs", _DIFFS), ("metrics", _METRICS), ("hypotheses", _HYPOTHESES)])
def test_columns_types_and_nulls_are_the_tables(name: str, columns: pa.Schema):
    properties = schema(name)["properties"]
    assert {key: entry["type"] for key, entry in properties.items()} == {one.name: expected(one) for one in columns}
    assert list(properties) == columns.names
    assert schema(name)["required"] == [one.name for one in columns if not one.nullable]


def test_the_reasons_of_a_rejected_row_are_all_there():
    assert schema("scores")["properties"][REJECTED]["enum"] == [*REJECT_REASONS[1:], None]


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_worst_rows_are_written_with_keys_and_features_as_text():
    features = {
        "text": "socks",
        "null": None,
        "count": 7,
        "price": 1.5,
        "odd": float("nan"),
        "list": [1.0, None],
        "struct": {"a": 1, "at": NOON},
        "flag": True,
    }
    worst = [
        WorstRow("prod", {"request_id": "r1", "item": 7}, NOON, 0.5, 0.75, 0.25, features, "replay row x"),
        WorstRow("prod/null", {"request_id": "r2", "item": 8}, None, float("nan"), None, None, {}, "", "non_finite"),
    ]
    first, second = tables.diffs_table(worst).to_pylist()
    assert first == {
        "variant": "prod",
        "key": [("request_id", "r1"), ("item", "7")],
        "time": NOON,
        "online": 0.5,
        "replayed": 0.75,
        "delta": 0.25,
        "features": [
            ("text", "socks"),
            ("null", None),
            ("count", "7"),
            ("price", "1.5"),
            ("odd", "null"),
            ("list", "[1.0, null]"),
            ("struct", '{"a": 1, "at": "2026-11-20T12:00:00Z"}'),
            ("flag", "true"),
        ],
        "command": "replay row x",
    }
    assert (second["time"], second["replayed"], second["delta"], second["features"]) == (None, None, None, [])
    assert math.isnan(second["online"])


def test_a_metric_has_a_row_as_it_was_measured():
    rows = (
        MetricRow("prod", "online", "all", NOON, "mismatch_rate", 0.5, 0.25, 0.75, 8, None),
        MetricRow("online", None, "surface=home", None, "auc", None, None, None, 3, "one class"),
    )
    found = tables.metrics_table(SimpleNamespace(result=SimpleNamespace(metric_rows=rows)))
    assert [MetricRow(**row) for row in found.to_pylist()] == list(rows)


def test_a_hypothesis_has_a_row_under_the_number_of_its_incident():
    null = Hypothesis("null_features", "prod", ("a", "b"), other_features=("a", "b"))
    other = Hypothesis("checkpoint", "next")
    tried = [
        (1, Trial(null, np.int64(40), np.float64(0.75), np.float64(0.5), "cause")),
        (2, Trial(other, 40, 0.0, -0.5, "equivalent", "implausible")),
    ]
    first, second = tables.hypotheses_table(tried).to_pylist()
    assert first == {
        "incident": 1,
        "kind": "null_features",
        "hypothesis": "a, b null",
        "checkpoint": "prod",
        "features": ["a", "b"],
        "rows_tested": 40,
        "explained_rate": 0.75,
        "gain": 0.5,
        "outcome": "cause",
        "equivalence": None,
    }
    assert (second["outcome"], second["equivalence"]) == ("equivalent", "implausible")
    assert (second["incident"], second["features"], second["gain"]) == (2, [], -0.5)
    assert "next" in second["hypothesis"]


@pytest.mark.parametrize(("name", "columns"), [("diffs", _DIFFS), ("hypotheses", _HYPOTHESES)])
def test_a_table_without_rows_has_its_columns(name: str, columns: pa.Schema):
    found = getattr(tables, f"{name}_table")([])
    assert found.num_rows == 0
    assert found.schema == columns


TEXT, REAL, WHOLE, TIME = T.StringType(), T.DoubleType(), T.LongType(), T.TimestampType()
TEXTS = T.MapType(TEXT, TEXT)


@pytest.mark.spark
def test_spark_reads_the_tables_in_the_types_that_it_has_always_had(spark: SparkSession, tmp_path: Path):
    worst = WorstRow("prod", {"id": 7}, NOON, 0.5, None, None, {"a": None}, "replay row x")
    metric = MetricRow("prod", "online", "all", NOON, "mismatch_rate", 0.5, 0.25, 0.75, 8, None)
    trial = Trial(Hypothesis("null_features", "prod", ("a",), other_features=("a",)), 40, 0.75, 0.5, "cause")
    written = {
        "diffs": tables.diffs_table([worst]),
        "metrics": tables.metrics_table(SimpleNamespace(result=SimpleNamespace(metric_rows=(metric,)))),
        "hypotheses": tables.hypotheses_table([(1, trial)]),
    }
    found = {}
    for name, table in written.items():
        replace_table(spark, table, str(tmp_path / name), "run")
        found[name] = read_table(spark, str(tmp_path / name))
    assert {name: [(each.name, each.dataType) for each in table.schema] for name, table in found.items()} == {
        "diffs": [
            *(("variant", TEXT), ("key", TEXTS), ("time", TIME), ("online", REAL), ("replayed", REAL)),
            *(("delta", REAL), ("features", TEXTS), ("command", TEXT)),
        ],
        "metrics": [
            *(("variant", TEXT), ("against", TEXT), ("slice", TEXT), ("bucket", TIME), ("metric", TEXT)),
            *(("value", REAL), ("low", REAL), ("high", REAL), ("rows", WHOLE), ("reason", TEXT)),
            ("positives", WHOLE),
        ],
        "hypotheses": [
            *(("incident", WHOLE), ("kind", TEXT), ("hypothesis", TEXT), ("checkpoint", TEXT)),
            *(("features", T.ArrayType(TEXT)), ("rows_tested", WHOLE), ("explained_rate", REAL)),
            *(("gain", REAL), ("outcome", TEXT), ("equivalence", TEXT)),
        ],
    }
    assert all(field.nullable for table in found.values() for field in table.schema)
    (row,) = found["diffs"].selectExpr("*", "unix_seconds(time) AS seconds").collect()
    assert (row.key, row.features, row.replayed) == ({"id": "7"}, {"a": None}, None)
    assert row.seconds == NOON.timestamp()
    assert [row.features for row in found["hypotheses"].collect()] == [["a"]]
