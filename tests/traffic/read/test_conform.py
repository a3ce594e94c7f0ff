"""Columns of files, delivered as the pinned schema has them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from replay.errors import TrafficError
from tests.traffic.tables import data_file, read_files, write


def table_of(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches)


def test_a_file_that_lacks_a_column_or_is_narrower(tmp_path: Path) -> None:
    old = data_file(write(tmp_path / "1", pa.table({"a": pa.array([1, None], pa.int32())})))
    new = data_file(write(tmp_path / "2", pa.table({"b": ["x"], "a": [2**40]})))
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert table_of(read_files([old, new], schema)).to_pydict() == {"a": [1, None, 2**40], "b": [None, None, "x"]}


def test_structs_that_grew_a_field(tmp_path: Path) -> None:
    old = data_file(write(tmp_path / "1", pa.table({"s": [{"x": 1}, None]})))
    target = pa.struct([("y", pa.string()), ("x", pa.float64())])
    read = table_of(read_files([old], pa.schema([("s", target)])))
    assert read["s"].to_pylist() == [{"y": None, "x": 1.0}, None]


def test_an_integer_that_a_float_cannot_hold_is_refused_not_rounded(tmp_path: Path) -> None:
    exact = data_file(write(tmp_path / "1", pa.table({"n": [2**53]})))
    assert table_of(read_files([exact], pa.schema([("n", pa.float64())])))["n"].to_pylist() == [2.0**53]
    lossy = data_file(write(tmp_path / "2", pa.table({"n": [2**53 + 1]})))
    with pytest.raises(TrafficError, match=r"2: column `n` cannot be read as double"):
        read_files([lossy], pa.schema([("n", pa.float64())]))


@pytest.mark.parametrize(
    ("logged", "wanted"), [(pa.array(["1"]), pa.int64()), (pa.array([0.1]), pa.float32()), (pa.array([1]), pa.int8())]
)
def test_a_narrowing_cast_is_refused(tmp_path: Path, logged: pa.Array, wanted: pa.DataType) -> None:
    file = data_file(write(tmp_path / "t", pa.table({"a": logged})))
    with pytest.raises(TrafficError, match="column `a` is"):
        read_files([file], pa.schema([("a", wanted)]))


@pytest.mark.parametrize(
    ("logged", "wanted"),
    [
        (pa.array(["x", None, "x"]).dictionary_encode(), pa.string()),
        (pa.array([255, None], pa.uint8()), pa.int16()),
        (pa.array([2**64 - 1, None], pa.uint64()), pa.uint64()),
        (pa.array([np.float16(1.5), None]), pa.float16()),
        (pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)), pa.list_(pa.float32())),
        (pa.array([b"ab", None], pa.binary(2)), pa.binary()),
        (pa.array([b"0" * 16, None], pa.uuid()), pa.binary()),
        (pa.array([86_400_000, None], pa.date64()), pa.date32()),
        (pa.array([19_000, None], pa.date32()), pa.timestamp("us")),
        (pa.array([5, None], pa.duration("us")), pa.int64()),
        (pa.array(["x", None], pa.large_string()), pa.string()),
        (pa.array([1_001, None], pa.timestamp("ns")), pa.timestamp("ns")),
        (pa.array([5, None], pa.timestamp("ms", tz="Asia/Tokyo")), pa.timestamp("us", tz="UTC")),
        (pa.nulls(2), pa.string()),
    ],
)
def test_values_come_through_whatever_the_type(tmp_path: Path, logged: pa.Array, wanted: pa.DataType) -> None:
    file = data_file(write(tmp_path / "t", pa.table({"a": logged})))
    read = table_of(read_files([file], pa.schema([("a", wanted)])))["a"]
    assert read.type == wanted
    values = [getattr(value, "bytes", value) for value in logged.to_pylist()]
    if pa.types.is_temporal(logged.type):
        values = logged.cast(wanted).to_pylist()
    assert read.to_pylist() == values


def test_int96_timestamps_are_instants(tmp_path: Path) -> None:
    moment = datetime(1999, 12, 31, 23, 59, 59, 123456)
    logged = pa.table({"ts": pa.array([moment, None], pa.timestamp("ns"))})
    file = data_file(write(tmp_path / "t", logged, use_deprecated_int96_timestamps=True))
    read = table_of(read_files([file], pa.schema([("ts", pa.timestamp("us", tz="UTC"))])))
    assert read["ts"].to_pylist() == [moment.replace(tzinfo=UTC), None]


def test_partition_values_fill_their_columns_and_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "t", pa.table({"id": [1, 2], "day": ["inside", "inside"]}))
    file = data_file(path, partition_values={"day": "2026-11-20", "hour": None})
    schema = pa.schema([("day", pa.string()), ("id", pa.int64()), ("hour", pa.int32())])
    assert table_of(read_files([file], schema)).to_pydict() == {
        "day": ["2026-11-20"] * 2,
        "id": [1, 2],
        "hour": [None, None],
    }


def test_another_spelling_of_a_name_is_the_same_column(tmp_path: Path) -> None:
    file = data_file(write(tmp_path / "t", pa.table({"UserId": [1]})))
    assert table_of(read_files([file], pa.schema([("userid", pa.int64())]))).to_pydict() == {"userid": [1]}


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int64(), pa.large_string()),
        pa.string_view(),
    ],
)
def test_text_as_a_dictionary_of_whatever_the_file_holds(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["a", None, "b", "a", ""]
    array = pa.array(texts).dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else pa.array(texts, kind)
    file = data_file(write(tmp_path / "t", pa.table({"t": array, "n": range(5)})))
    batches = read_files([file], pa.schema([("n", pa.int64()), ("t", pa.string())]), dictionaries={"t"})
    assert batches[0].schema.types == [pa.int64(), pa.dictionary(pa.int32(), pa.string())]
    assert table_of(batches)["t"].to_pylist() == texts


def test_a_dictionary_of_a_partition_and_of_a_column_that_is_not_there(tmp_path: Path) -> None:
    old = data_file(write(tmp_path / "1", pa.table({"n": [1, 2]})), partition_values={"day": "mon"})
    new = data_file(write(tmp_path / "2", pa.table({"n": [3], "t": ["x"]})), partition_values={"day": None})
    schema = pa.schema([("n", pa.int64()), ("t", pa.string()), ("day", pa.string())])
    read = table_of(read_files([old, new], schema, dictionaries={"t", "day"}))
    assert read.to_pydict() == {"n": [1, 2, 3], "t": [None, None, "x"], "day": ["mon", "mon", None]}


def test_a_dictionary_of_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = data_file(write(tmp_path / "1", pa.table({"t": [1, 2]})))
    with pytest.raises(TrafficError, match=r"column `t` is int64, but the table's is"):
        read_files([file], pa.schema([("t", pa.string())]), dictionaries={"t"})
