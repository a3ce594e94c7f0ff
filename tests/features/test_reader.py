from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.errors import TrafficError
from replay.features import feature_column
from replay.features.paths import Catalog, Feature
from replay.features.reader import FeatureReader, map_entries

ROWS = [[("k", 1), ("j", 2)], None, [], [("j", None), ("k", 5)], [("k", 6), ("k", 7)]]


@pytest.mark.parametrize("start", range(5))
@pytest.mark.parametrize("key", [pa.string(), pa.large_string(), pa.string_view()])
def test_map_entries_of_a_slice(start: int, key: pa.DataType) -> None:
    array = pa.array(ROWS, pa.map_(key, pa.int64())).slice(start)
    found = map_entries(array, ["k", "j", "gone"])
    assert found[0].to_pylist() == [1, None, None, 5, 6][start:]  # of a repeated key the first
    assert found[1].to_pylist() == [2, None, None, None, None][start:]
    assert found[2].to_pylist() == [None] * (5 - start)


def test_map_entries_by_integer_keys() -> None:
    array = pa.array([[(1, "a"), (-2, "b")], [(3, "c")]], pa.map_(pa.int8(), pa.string()))
    assert [found.to_pylist() for found in map_entries(array, [-2, 300, 3])] == [["b", None], [None, None], [None, "c"]]


def test_what_lies_under_a_null_map_does_not_count() -> None:
    entries = pa.array(
        [{"key": "k", "value": 1}] * 2, pa.struct([pa.field("key", pa.string(), False), ("value", pa.int8())])
    )
    validity = pa.py_buffer(np.packbits([1, 0], bitorder="little").tobytes())
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes())
    array = pa.Array.from_buffers(pa.map_(pa.string(), pa.int8()), 2, [validity, offsets], children=[entries])
    assert map_entries(array, ["k"])[0].to_pylist() == [1, None]


def test_map_entries_without_rows() -> None:
    assert map_entries(pa.array([], pa.map_(pa.string(), pa.int8())), ["k"])[0].to_pylist() == []


@pytest.mark.parametrize(
    "kind", [pa.struct([("x", pa.int8())]), pa.list_view(pa.int8()), pa.decimal32(5, 2), pa.string_view()]
)
def test_map_entries_of_any_type(kind: pa.DataType) -> None:
    value = {pa.string_view(): "s", pa.decimal32(5, 2): 1}.get(kind, {"x": 1} if pa.types.is_struct(kind) else [1])
    array = pa.array([[("j", None)], [("k", value)]], pa.map_(pa.string(), kind))
    assert map_entries(array, ["k"])[0].to_pylist() == [None, pa.array([value], kind)[0].as_py()]


def test_a_null_struct_makes_its_fields_null_at_any_depth() -> None:
    kind = pa.struct([("in", pa.struct([("x", pa.int64())]))])
    column = pa.array([{"in": {"x": 1}}, {"in": None}, None, {"in": {"x": 4}}], kind)
    batch = pa.RecordBatch.from_arrays([column.slice(1)], ["s"])
    assert feature_column(batch, "s.in.x").to_pylist() == [None, None, 4]


def test_feature_column_gives_what_is_logged() -> None:
    coded = pa.array(["a", "b"]).dictionary_encode()
    batch = pa.RecordBatch.from_arrays([coded, pa.array([[1], None])], ["s.t", "l"])
    assert feature_column(batch, "s.t").equals(coded)
    assert feature_column(batch, "l").to_pylist() == [[1], None]
    with pytest.raises(TrafficError, match=r"no column `s\.tt`; did you mean `s\.t`"):
        feature_column(batch, "s.tt")


def test_each_array_on_the_way_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("replay.features.reader.map_entries", lambda *args: calls.append(args) or map_entries(*args))
    batch = pa.RecordBatch.from_pydict({"m": pa.array([[("a", 1), ("b", 2)]], pa.map_(pa.string(), pa.int8()))})
    columns = FeatureReader(features(batch, "m.a", "m.b"), batch.schema).read(batch)
    assert [columns["m.a"].to_pylist(), columns["m.b"].to_pylist()] == [[1], [2]]
    assert len(calls) == 1


def features(batch: pa.RecordBatch, *names: str) -> list[Feature]:
    catalog = Catalog(batch.schema)
    return [found for name in names if (found := catalog.find(name)) is not None]


def test_a_column_of_the_very_name_comes_before_a_path_and_the_first_before_others_of_its_name() -> None:
    struct = pa.array([{"b": 1}, {"b": 2}])
    batch = pa.RecordBatch.from_arrays([struct, pa.array([3, 4]), pa.array([5, 6])], names=["a", "a.b", "c"])
    assert feature_column(batch, "a.b").to_pylist() == [3, 4]
    assert feature_column(batch.select(["a", "c"]), "a.b").to_pylist() == [1, 2]
    twice = pa.RecordBatch.from_arrays([pa.array([5, 6]), pa.array([7, 8])], names=["c", "c"])
    assert feature_column(twice, "c").to_pylist() == [5, 6]
