"""Schemas of tables as Spark makes them: every column and value can be null."""

from __future__ import annotations

import json

import pyarrow as pa

from replay.store.delta_types import delta_schema, nullable_schema


def test_every_value_can_be_null():
    inner = pa.struct([pa.field("x", pa.int32(), nullable=False)])
    schema = pa.schema(
        [
            pa.field("a", pa.string(), nullable=False),
            pa.field("l", pa.list_(pa.field("item", inner, nullable=False)), nullable=False),
            pa.field("m", pa.map_(pa.string(), inner)),
        ]
    )
    found = nullable_schema(schema)
    assert [field.nullable for field in found] == [True, True, True]
    assert found.field("l").type.value_field.nullable
    assert found.field("l").type.value_type.field("x").nullable
    assert found.field("m").type.item_type.field("x").nullable
    fields = json.loads(delta_schema(schema).to_json())["fields"]
    assert [field["name"] for field in fields] == ["a", "l", "m"]
    assert fields[1]["type"]["elementType"]["fields"][0]["nullable"]
