"""Names of columns, and paths into structs and maps."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.errors import TrafficError
from replay.traffic import column_root, column_type, find_column

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("a.b", pa.int8()),
        ("ctx", pa.struct([("user", pa.struct([("id", pa.string())])), ("x.y", pa.int16())])),
        ("features", pa.map_(pa.string(), pa.float32())),
        ("by_slot", pa.map_(pa.int32(), pa.float64())),
    ]
)


@pytest.mark.parametrize(
    ("name", "root", "dtype"),
    [
        ("id", "id", pa.int64()),
        ("a.b", "a.b", pa.int8()),
        ("ctx.user.id", "ctx", pa.string()),
        ("ctx.x.y", "ctx", pa.int16()),
        ("features.ctr.7d", "features", pa.float32()),
        ("by_slot.-3", "by_slot", pa.float64()),
    ],
)
def test_finds_columns_and_paths(name: str, root: str, dtype: pa.DataType) -> None:
    assert column_root(SCHEMA, name) == root
    assert column_type(SCHEMA, name) == dtype


@pytest.mark.parametrize("name", ["a", "ctx.nobody", "id.x", "by_slot.first", ""])
def test_what_is_not_there_is_not_found(name: str) -> None:
    assert find_column(SCHEMA, name) is None


def test_a_missing_column_names_the_nearest() -> None:
    with pytest.raises(TrafficError, match=r"no column `ctx.usr.id`; did you mean `ctx.user.id`\?"):
        column_type(SCHEMA, "ctx.usr.id")


def test_values_at_the_end_of_a_path() -> None:
    rows = [
        {"ctx": {"user": {"id": "u1"}, "x.y": 1}, "features": [("ctr", 0.5), ("ctr", 9.0)]},
        {"ctx": {"user": None, "x.y": 2}, "features": []},
        {"ctx": None, "features": None},
    ]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema([SCHEMA.field("ctx"), SCHEMA.field("features")]))
    assert find_column(SCHEMA, "ctx.user.id").values(batch).to_pylist() == ["u1", None, None]
    assert find_column(SCHEMA, "ctx.x.y").values(batch.slice(1)).to_pylist() == [2, None]
    assert find_column(SCHEMA, "features.ctr").values(batch).to_pylist() == [0.5, None, None]
