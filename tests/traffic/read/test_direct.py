"""The direct reader, on files that pyarrow wrote."""

from __future__ import annotations

import gc
import pickle
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from replay.errors import TrafficError
from replay.traffic.read import batch_sizes, direct
from replay.traffic.read.direct import Piece, ReadPlan, Split, read_split
from replay.traffic.read.selecting.window import time_filter
from replay.traffic.read.splits import make_splits
from tests.traffic.tables import data_file, read_files, traffic_config, write


def table_of(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches)


def test_batches_have_the_planned_columns_in_order_and_at_most_so_many_rows(tmp_path: Path) -> None:
    logged = pa.table({"a": np.arange(1000), "b": np.arange(1000) * 0.5, "c": ["x"] * 1000})
    file = data_file(write(tmp_path / "t", logged, row_group_size=300))
    schema = pa.schema([("c", pa.string()), ("a", pa.int64())])
    batches = read_files([file], schema, batch_rows=128)
    assert table_of(batches) == logged.select(["c", "a"])
    assert all(0 < batch.num_rows <= 128 for batch in batches)
    assert all(batch.schema == schema for batch in batches)


@pytest.mark.parametrize("decode_bytes", [1 << 40, 500_000, 70_000])
def test_batches_are_cut_at_whole_chunks_of_a_model(tmp_path: Path, decode_bytes: int) -> None:
    rows = 200_000
    file = data_file(write(tmp_path / "t", pa.table({"a": np.arange(rows)}), row_group_size=rows // 2))
    (split,) = make_splits([file], None, target_rows=rows)
    batches = list(read_split(split, ReadPlan(pa.schema([("a", pa.int64())]), None), decode_bytes=decode_bytes))
    sizes = [batch.num_rows for batch in batches]
    assert sum(sizes) == rows
    assert max(sizes) <= 16_384
    assert sum(size % 2048 > 0 for size in sizes) <= 2, "one for each row group"


def test_ranges_of_one_row_group_join_to_all_its_rows(tmp_path: Path) -> None:
    rows = 200_000
    file = data_file(write(tmp_path / "t", pa.table({"a": np.arange(rows)}), row_group_size=rows))
    splits = make_splits([file], None)
    assert len(splits) == 4
    plan = ReadPlan(pa.schema([("a", pa.int64())]), None)
    read = np.concatenate([batch["a"].to_numpy() for split in splits for batch in read_split(split, plan)])
    assert np.array_equal(read, np.arange(rows))


@pytest.mark.parametrize("distinct", [5, 3000, 60_000])
def test_dictionaries_have_the_texts_of_the_file_however_many_there_are(tmp_path: Path, distinct: int) -> None:
    """Of many values a file has a dictionary for the first pages, and text after them."""
    rows = np.random.default_rng(0).integers(0, distinct, 60_000)
    logged = pa.table({"t": pa.array([None if row == 3 else f"text {row}" * 3 for row in rows]), "n": rows})
    path = write(
        tmp_path / "t", logged, row_group_size=25_000, dictionary_pagesize_limit=100_000, data_page_size=10_000
    )
    batches = read_files([data_file(path)], logged.schema, dictionaries={"t"}, decode_bytes=500_000)
    assert {str(batch.schema.types[0]) for batch in batches} == {str(pa.dictionary(pa.int32(), pa.string()))}
    read = table_of(batches)
    assert read["t"].cast(pa.string()).combine_chunks() == logged["t"].combine_chunks()
    assert read["n"].combine_chunks() == logged["n"].combine_chunks()


def test_a_large_row_group_is_not_held_in_memory_as_it_is_stored(tmp_path: Path) -> None:
    rows = 1 << 20
    random = np.random.default_rng(0)
    logged = pa.table({name: random.random(rows) for name in "abcd"})
    file = data_file(write(tmp_path / "t", logged, row_group_size=rows, use_dictionary=False))
    (split,) = make_splits([file], None, target_rows=rows)
    before = pa.total_allocated_bytes()
    batches = read_split(split, ReadPlan(logged.schema, None), decode_bytes=1 << 20)
    assert next(batches)["a"].equals(logged["a"].chunk(0)[: 1 << 14])
    assert pa.total_allocated_bytes() - before < file.size / 2


def test_columns_that_are_all_partitions_still_count_the_rows(tmp_path: Path) -> None:
    file = data_file(write(tmp_path / "t", pa.table({"id": [1, 2, 3]})), partition_values={"day": 7})
    assert table_of(read_files([file], pa.schema([("day", pa.int32())])))["day"].to_pylist() == [7, 7, 7]


def test_names_with_dots_and_other_signs(tmp_path: Path) -> None:
    logged = pa.table({"a.b": [1], "I1?": [2], "a": [{"b": 3}], "c d`": [4]})
    file = data_file(write(tmp_path / "x y%20[1]" / "t é.parquet", logged))
    assert table_of(read_files([file], logged.schema)) == logged
    only = table_of(read_files([file], pa.schema([logged.schema.field("a.b")])))
    assert only.to_pydict() == {"a.b": [1]}


class TestWindow:
    def window(self, schema: pa.Schema, start: int, end: int) -> object:
        bounds = {"start": datetime.fromtimestamp(start, UTC), "end": datetime.fromtimestamp(end, UTC)}
        return time_filter(schema, traffic_config("t", time="ts", window=bounds))

    def test_keeps_exactly_the_rows_inside(self, tmp_path: Path) -> None:
        seconds = np.random.default_rng(0).permutation(1000)
        table = pa.table({"id": np.arange(1000), "ts": pa.array(seconds, pa.timestamp("s", tz="UTC"))})
        file = data_file(write(tmp_path / "t", table, row_group_size=100))
        pinned = pa.schema([("id", pa.int64()), ("ts", pa.timestamp("us", tz="UTC"))])
        read = table_of(read_files([file], pa.schema([pinned.field("id")]), self.window(pinned, 200, 300)))
        assert read["id"].to_pylist() == np.flatnonzero((seconds >= 200) & (seconds < 300)).tolist()
        assert read.schema.names == ["id"]  # the time was read to filter, and is not delivered

    def test_thinned_batches_are_joined(self, tmp_path: Path) -> None:
        files = []
        for index in range(40):
            seconds = [index, 10_000]
            table = pa.table({"ts": pa.array(seconds, pa.timestamp("s", tz="UTC"))})
            files.append(data_file(write(tmp_path / f"{index:02}", table)))
        pinned = pa.schema([("ts", pa.timestamp("us", tz="UTC"))])
        batches = read_files(files, pinned, self.window(pinned, 0, 100))
        assert [batch.num_rows for batch in batches] == [40]


class TestSizes:
    def test_wide_rows_make_small_batches(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch_sizes, "BATCH_BYTES", 1 << 20)
        monkeypatch.setattr(direct, "DECODE_BYTES", 1 << 20)
        vectors = pa.array([[float(row)] * 1000 for row in range(3000)], pa.list_(pa.float32()))
        file = data_file(write(tmp_path / "t", pa.table({"v": vectors})))
        batches = read_files([file], pa.schema([("v", pa.list_(pa.float32()))]))
        assert max(batch.nbytes for batch in batches) <= 1.1 * (1 << 20)
        assert pa.Table.from_batches(batches)["v"].combine_chunks().equals(vectors)

    def test_a_dictionary_that_unfolds_does_not_blow_a_batch_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batch_sizes, "BATCH_BYTES", 1 << 20)
        text = pa.array(["x" * 1000] * 20_000)
        file = data_file(write(tmp_path / "t", pa.table({"t": text})))
        batches = read_files([file], pa.schema([("t", pa.string())]))
        assert max(batch.nbytes for batch in batches) <= 1.1 * (1 << 20)
        assert sum(batch.num_rows for batch in batches) == 20_000

    def test_one_row_above_the_cap_is_a_batch_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch_sizes, "BATCH_BYTES", 1000)
        file = data_file(write(tmp_path / "t", pa.table({"t": ["x" * 5000, "y" * 5000]})))
        assert [batch.num_rows for batch in read_files([file], pa.schema([("t", pa.string())]))] == [1, 1]

    def test_memory_does_not_grow_with_the_row_group(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(direct, "DECODE_BYTES", 1 << 20)
        columns = {f"c{index}": np.arange(400_000, dtype=np.float64) for index in range(8)}
        file = data_file(write(tmp_path / "t", pa.table(columns), row_group_size=400_000, use_dictionary=False))
        pool = pa.default_memory_pool()
        plan = ReadPlan(pa.schema([(name, pa.float64()) for name in columns]), None)
        gc.collect()
        before, most = pool.bytes_allocated(), 0
        split = Split((Piece(file.path, file.size, None, (0,), 400_000),), 400_000)
        for _ in read_split(split, plan):
            most = max(most, pool.bytes_allocated() - before)
        decoded = 400_000 * 8 * 8
        assert most < decoded + file.size  # the compressed chunks, and far from the whole group beside them
        assert most - file.size < decoded / 4


class TestTrouble:
    def piece(self, tmp_path: Path, rows: int = 10) -> tuple[Path, Split]:
        path = write(tmp_path / "t.parquet", pa.table({"a": np.arange(rows)}))
        return path, make_splits([data_file(path)], None)[0]

    plan = ReadPlan(pa.schema([("a", pa.int64())]), None)

    def test_a_file_that_is_gone(self, tmp_path: Path) -> None:
        path, split = self.piece(tmp_path)
        path.unlink()
        with pytest.raises(TrafficError, match=r"t.parquet: was there when the run started"):
            list(read_split(split, self.plan))

    def test_a_file_that_changed(self, tmp_path: Path) -> None:
        path, split = self.piece(tmp_path)
        write(path, pa.table({"a": np.arange(11)}))
        with pytest.raises(TrafficError, match=r"t.parquet: has changed since the run started"):
            list(read_split(split, self.plan))

    def test_a_page_that_is_corrupt(self, tmp_path: Path) -> None:
        path, _ = self.piece(tmp_path, rows=100_000)
        content = bytearray(path.read_bytes())
        content[1000:3000] = b"\xff" * 2000
        path.write_bytes(content)
        split = make_splits([data_file(path)], None)[0]
        with pytest.raises(TrafficError, match=r"t.parquet: cannot be read .*corrupt"):
            list(read_split(split, self.plan))


def test_a_split_and_its_plan_travel(tmp_path: Path) -> None:
    file = data_file(write(tmp_path / "t", pa.table({"a": [1]})), partition_values={"day": datetime(2026, 1, 1)})
    splits = make_splits([file], None)
    plan = ReadPlan(pa.schema([("a", pa.int64())]), None)
    assert pickle.loads(pickle.dumps((plan, splits))) == (plan, splits)


@pytest.mark.parametrize(
    "name",
    [
        "read/batch_sizes",
        "read/direct",
        "read/conform",
        "read/selecting/window",
        "read/splits",
        "paths",
        "table/footers",
        "table/merging",
    ],
)
def test_the_reader_itself_knows_nothing_of_spark(name: str) -> None:
    assert "pyspark" not in (Path(direct.__file__).parents[1] / f"{name}.py").read_text()


def test_the_same_as_pyarrow_on_real_impressions(open_bandit: Path) -> None:
    logged = pq.read_table(open_bandit)
    file = data_file(open_bandit)
    schema = pa.schema([(name, pa.int64()) for name in ("item_id", "position")])
    batches = read_files([file], schema)
    assert [pc.sum(table_of(batches)[name]).as_py() for name in schema.names] == [
        pc.sum(logged[name]).as_py() for name in schema.names
    ]
