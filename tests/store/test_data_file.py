"""One file of a table: whole or not there, in row groups of a good size."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.store import DataFileWriter, WrittenFile
from replay.store.data_file import ROW_GROUP_ROWS

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("surface", pa.string()),
        ("prod", pa.float32()),
        ("prod/no.counts", pa.float32()),
    ]
)


def rows(start: int, count: int) -> pa.RecordBatch:
    numbers = range(start, start + count)
    columns = [
        pa.array([f"r{number:09}" for number in numbers]),
        pa.array(numbers, pa.int64()).cast(SCHEMA.field("at").type),
        pa.array(["home", "cart"] * (count // 2) + ["home"] * (count % 2)),
        pa.array(numbers, pa.float32()),
        pa.nulls(count, pa.float32()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def writer(directory: Path, name: str = "part-00003") -> DataFileWriter:
    return DataFileWriter(str(directory), name, SCHEMA, indexed=3, key_columns=["id"])


def test_rows_come_back_in_order_in_whole_row_groups(tmp_path: Path):
    """Batches of 16,384 rows do not each make a row group."""
    table = tmp_path / "scores"
    file, batches = writer(table), [rows(start, 16_384) for start in range(0, 16_384 * 10, 16_384)]
    for batch in batches:
        file.write(batch)
    written = file.close()
    assert written is not None
    (path,) = table.iterdir()
    assert path.name == written.path
    assert path.name.startswith("part-00003-")
    assert path.name.endswith(".snappy.parquet")
    parquet = pq.ParquetFile(path)
    groups = [parquet.metadata.row_group(place).num_rows for place in range(parquet.num_row_groups)]
    assert groups == [ROW_GROUP_ROWS, 16_384 * 2]
    assert parquet.read().equals(pa.Table.from_batches(batches))
    assert (written.size, written.num_rows) == (path.stat().st_size, 163_840)
    assert written.modified == path.stat().st_mtime_ns // 1_000_000
    stats = json.loads(written.stats)
    assert (stats["numRecords"], stats["nullCount"]) == (163_840, {"id": 0, "at": 0, "surface": 0})
    assert (stats["minValues"]["id"], stats["maxValues"]["id"]) == ("r000000000", "r000163839")
    assert pickle.loads(pickle.dumps(written)) == written


def test_a_large_batch_is_cut(tmp_path: Path):
    file = writer(tmp_path)
    file.write(rows(0, 2 * ROW_GROUP_ROWS + 5))
    file.write(rows(2 * ROW_GROUP_ROWS + 5, 5))
    written = file.close()
    assert written is not None
    parquet = pq.ParquetFile(tmp_path / written.path)
    groups = [parquet.metadata.row_group(place).num_rows for place in range(parquet.num_row_groups)]
    assert groups == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 10]
    assert parquet.read(["prod"])["prod"].to_pylist() == list(range(2 * ROW_GROUP_ROWS + 10))


def test_wide_rows_do_not_wait_for_many(tmp_path: Path):
    """A row group is written at 64 MB."""
    schema = pa.schema([("text", pa.string())])
    file = DataFileWriter(str(tmp_path), "part-00000", schema, indexed=1)
    for _ in range(5):
        file.write(pa.record_batch([["x" * (1 << 20)] * 20], schema=schema))
    written = file.close()
    assert written is not None
    metadata = pq.ParquetFile(tmp_path / written.path).metadata
    assert [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)] == [80, 20]


def test_texts_that_repeat_have_a_dictionary_and_nothing_else(tmp_path: Path):
    file = writer(tmp_path)
    file.write(rows(0, 1000))
    written = file.close()
    assert written is not None
    group = pq.ParquetFile(tmp_path / written.path).metadata.row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    assert [name for name, column in columns.items() if column.has_dictionary_page] == ["surface"]
    assert [name for name, column in columns.items() if column.is_stats_set] == ["at"]
    assert {column.compression for column in columns.values()} == {"SNAPPY"}


def test_a_column_of_nulls_costs_next_to_nothing(tmp_path: Path):
    file = writer(tmp_path)
    file.write(rows(0, 100_000))
    written = file.close()
    assert written is not None
    group = pq.ParquetFile(tmp_path / written.path).metadata.row_group(0)
    assert group.column(4).total_compressed_size < 1_000


def test_nothing_is_there_under_its_name_before_it_is_whole(tmp_path: Path):
    file = writer(tmp_path)
    file.write(rows(0, ROW_GROUP_ROWS + 1))
    (unfinished,) = tmp_path.iterdir()
    assert unfinished.name.startswith(".part-00003-")
    assert unfinished.name.endswith(".unfinished")
    assert file.close() is not None
    assert [path.suffix for path in tmp_path.iterdir()] == [".parquet"]


def test_no_file_where_no_row_was_written(tmp_path: Path):
    file = writer(tmp_path / "scores")
    file.write(rows(0, 0))
    assert file.close() is None
    assert list(tmp_path.iterdir()) == []


def test_an_aborted_file_is_gone(tmp_path: Path):
    file = writer(tmp_path)
    file.abort()
    file.write(rows(0, ROW_GROUP_ROWS))
    file.write(rows(0, 7))
    file.abort()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_finished_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    close = pq.ParquetWriter.close

    def no_space(self: pq.ParquetWriter) -> None:
        close(self)
        raise OSError(28, "No space left on device")

    file = writer(tmp_path)
    file.write(rows(0, ROW_GROUP_ROWS))
    with monkeypatch.context() as patched:
        patched.setattr(pq.ParquetWriter, "close", no_space)
        with pytest.raises(OSError, match="No space"):
            file.close()
    assert list(tmp_path.iterdir()) == []


def test_two_attempts_do_not_meet(tmp_path: Path):
    attempts = [writer(tmp_path), writer(tmp_path)]
    files: list[WrittenFile | None] = []
    for file in attempts:
        file.write(rows(0, 3))
        files.append(file.close())
    assert len({file.path for file in files if file is not None}) == 2


def test_rows_of_another_schema_are_refused(tmp_path: Path):
    file = writer(tmp_path)
    file.write(pa.record_batch({"id": [1]}))
    with pytest.raises(pa.ArrowInvalid, match=r"[Ss]chema"):
        file.close()
    assert list(tmp_path.iterdir()) == []
