"""The schemas of the tables, held against the code that writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import types as T

from replay.features import REJECT_REASONS
from replay.flows.stages.tables import _DIFFS, _HYPOTHESES, _METRICS
from replay.scoring import REJECTED

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
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
