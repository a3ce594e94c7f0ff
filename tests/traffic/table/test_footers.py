"""Footers, and what is said of files that have none."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.errors import TrafficError
from replay.traffic.table.footers import read_footers
from tests.damage import encrypt_columns

TABLE = pa.table({"id": list(range(1000))})


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(TrafficError) as caught:
        read_footers([str(path)])
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    pq.write_table(TABLE, tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


def test_reads_schema_and_counts(tmp_path: Path, whole: bytes) -> None:
    footer = read_footers([str(tmp_path / "whole")])[0]
    assert footer.metadata.num_rows == 1000
    assert footer.schema == pa.schema([("id", pa.int64())])


def test_int96_and_nested_int96_are_instants(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([0], pa.timestamp("ns")), "b": pa.array([[0]], pa.list_(pa.timestamp("ns")))})
    pq.write_table(table, tmp_path / "t", use_deprecated_int96_timestamps=True)
    instant = pa.timestamp("us", tz="UTC")
    assert read_footers([str(tmp_path / "t")])[0].schema.types == [instant, pa.list_(instant)]


def test_a_truncated_file(tmp_path: Path, whole: bytes) -> None:
    assert "is truncated (100 bytes, no Parquet footer" in refused(tmp_path / "f", whole[:100])


def test_an_empty_file(tmp_path: Path) -> None:
    assert "is empty (0 bytes)" in refused(tmp_path / "f", b"")


def test_a_corrupt_footer(tmp_path: Path, whole: bytes) -> None:
    assert "footer is corrupt" in refused(tmp_path / "f", whole[:-100] + b"\xff" * 92 + whole[-8:])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"id": 1}\n', "JSON text"),
        (b"id,score\n1,0.5\n", "text, perhaps CSV"),
        (b"ORC\x00\x00", "an ORC file"),
        (b"\x1f\x8b\x08\x00", "a gzip file"),
        (b"\x00\x01\x02\x03", "not a Parquet file"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, kind: str) -> None:
    assert f"is {kind}" in refused(tmp_path / "f", content)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrafficError, match="cannot be read: No such file"):
        read_footers([str(tmp_path / "none")])


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t")
    with pytest.raises(TrafficError, match="two columns are named `a`"):
        read_footers([str(tmp_path / "t")])


def test_many_broken_files_are_counted(tmp_path: Path) -> None:
    paths = [tmp_path / str(index) for index in range(5)]
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(TrafficError) as caught:
        read_footers([str(path) for path in paths])
    assert str(caught.value).count("is empty") == 3
    assert "and 2 more files" in str(caught.value)


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t"
    for rows in (10, 20):
        pq.write_table(TABLE.slice(0, rows), path)
        assert read_footers([str(path)])[0].metadata.num_rows == rows


def test_one_whose_columns_are_encrypted_and_whose_footer_is_not(tmp_path: Path, whole: bytes) -> None:
    """To look at such a column would end the process."""
    encrypt_columns(tmp_path / "whole")
    with pytest.raises(TrafficError, match=r"not supported \(its columns are encrypted\)"):
        read_footers([str(tmp_path / "whole")])


def test_a_footer_that_is_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    names = [f"column {place:04}" for place in range(2_000)]
    pq.write_table(pa.table({name: [1] for name in names}), tmp_path / "wide")
    assert (tmp_path / "wide").stat().st_size > 1 << 17
    assert read_footers([str(tmp_path / "wide")])[0].schema.names == names
