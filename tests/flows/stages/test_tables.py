"""The tables beside the scores: their schemas against the code that writes them, and values as they are written."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
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

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
JSON_TYPES = {T.StringType: "string", T.DoubleType: "number", T.LongType: "integer", T.TimestampType: "string"}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def expected(field: T.StructField) -> Any:
    if isinstance(field.dataType, T.MapType):
        return "object"
    if isinstance(field.dataType, T.ArrayType):
        return "array"
    kind = JSON_TYPES[type(field.dataType)]
    return [kind, "null"] if field.nullable else kind


@pytest.mark.parametrize(("name", "struct"), [("diffs", _DIFFS), ("metrics", _METRICS), ("hypotheses", _HYPOTHESES)])
def test_columns_types_and_nulls_are_the_tables(name: str, struct: T.StructType):
    properties = schema(name)["properties"]
    assert {key: entry["type"] for key, entry in properties.items()} == {one.name: expected(one) for one in struct}
    assert list(properties) == struct.fieldNames()
    assert schema(name)["required"] == [one.name for one in struct if not one.nullable]


def test_the_reasons_of_a_rejected_row_are_all_there():
    assert schema("scores")["properties"][REJECTED]["enum"] == [*REJECT_REASONS[1:], None]


@pytest.fixture
def in_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables as they are handed to Spark, which is not there."""
    monkeypatch.setattr(tables, "arrow_dataframe", lambda _spark, table, _struct: table)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_worst_rows_are_written_with_keys_and_features_as_text(in_arrow: None):
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
    first, second = tables.diffs_table(None, worst).to_pylist()
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


def test_a_metric_has_a_row_as_it_was_measured(in_arrow: None):
    rows = (
        MetricRow("prod", "online", "all", NOON, "mismatch_rate", 0.5, 0.25, 0.75, 8, None),
        MetricRow("online", None, "surface=home", None, "auc", None, None, None, 3, "one class"),
    )
    found = tables.metrics_table(None, SimpleNamespace(result=SimpleNamespace(metric_rows=rows)))
    assert [MetricRow(**row) for row in found.to_pylist()] == list(rows)


def test_a_hypothesis_has_a_row_under_the_number_of_its_incident(in_arrow: None):
    null = Hypothesis("null_features", "prod", ("a", "b"), other_features=("a", "b"))
    other = Hypothesis("checkpoint", "next")
    tried = [
        (1, Trial(null, np.int64(40), np.float64(0.75), np.float64(0.5), "cause")),
        (2, Trial(other, 40, 0.0, -0.5, "ruled_out")),
    ]
    first, second = tables.hypotheses_table(None, tried).to_pylist()
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
    }
    assert (second["incident"], second["features"], second["gain"]) == (2, [], -0.5)
    assert "next" in second["hypothesis"]


@pytest.mark.parametrize(("name", "struct"), [("diffs", _DIFFS), ("hypotheses", _HYPOTHESES)])
def test_a_table_without_rows_has_its_columns(name: str, struct: T.StructType, in_arrow: None):
    found = getattr(tables, f"{name}_table")(None, [])
    assert found.num_rows == 0
    assert found.column_names == struct.fieldNames()


@pytest.mark.spark
def test_spark_has_the_rows_in_the_types_of_the_tables(spark: SparkSession):
    worst = WorstRow("prod", {"id": 7}, NOON, 0.5, None, None, {"a": None}, "replay row x")
    found = tables.diffs_table(spark, [worst])
    assert [(each.name, each.dataType) for each in found.schema] == [(each.name, each.dataType) for each in _DIFFS]
    (row,) = found.selectExpr("*", "unix_seconds(time) AS seconds").collect()
    assert (row.key, row.features, row.replayed) == ({"id": "7"}, {"a": None}, None)
    assert row.seconds == NOON.timestamp()
