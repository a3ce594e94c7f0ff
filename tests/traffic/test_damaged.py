"""Damage in what is read of files: found before it is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.traffic import Piece, ReadPlan, Split, leave_out_unreadable, open_traffic
from replay.traffic.damaged import find_damage
from tests.damage import break_page, break_page_header, truncate
from tests.object_store import S3Server, upload
from tests.traffic.tables import traffic_config

ROWS = 1_000


def rows(first: int = 0) -> pa.Table:
    rng = np.random.default_rng(first)
    return pa.table({
        "id": np.arange(first, first + ROWS),
        "x1": rng.random(ROWS),
        "x2": rng.random(ROWS),
        "score": rng.random(ROWS),
    })  # fmt: skip


def write(path: Path, first: int = 0, *, checksums: bool = True) -> Path:
    pq.write_table(rows(first), path, row_group_size=250, write_page_checksum=checksums, use_dictionary=False)
    return path


def piece(path: Path, *groups: int) -> Piece:
    return Piece(str(path), path.stat().st_size, None, groups or (0, 1, 2, 3), 250 * (len(groups) or 4))


def split(*pieces: Piece) -> Split:
    return Split(pieces, sum(each.num_rows for each in pieces))


def plan(*names: str) -> ReadPlan:
    return ReadPlan(pa.schema([rows().schema.field(name) for name in names]), None)


class TestFindDamage:
    def test_bits_that_changed_are_told_by_the_checksum_of_their_page(self, tmp_path: Path) -> None:
        sound, damaged = write(tmp_path / "a"), write(tmp_path / "b")
        break_page(damaged)
        found = find_damage(split(piece(sound), piece(damaged)), plan("id", "x2"))
        assert list(found) == [str(damaged)]
        assert "CRC checksum verification failed" in found[str(damaged)]

    def test_a_page_whose_header_is_gone_needs_no_checksum(self, tmp_path: Path) -> None:
        damaged = write(tmp_path / "b", checksums=False)
        break_page_header(damaged)
        assert list(find_damage(split(piece(damaged)), plan("x2"))) == [str(damaged)]

    def test_only_what_is_read_counts(self, tmp_path: Path) -> None:
        damaged = write(tmp_path / "b")
        break_page(damaged)  # in the last row group
        assert find_damage(split(piece(damaged)), plan("id", "x1")) == {}
        assert find_damage(split(piece(damaged, 0, 1, 2)), plan("id", "x2")) == {}
        assert list(find_damage(split(piece(damaged, 0), piece(damaged, 3)), plan("x2"))) == [str(damaged)]

    def test_a_file_that_is_gone_or_another_one_is_no_damage(self, tmp_path: Path) -> None:
        asked = piece(write(tmp_path / "b"))
        truncate(tmp_path / "b")
        with pytest.raises(TrafficError, match="has changed since the run started"):
            find_damage(split(asked), plan("x2"))
        (tmp_path / "b").unlink()
        with pytest.raises(TrafficError, match="cannot be read now"):
            find_damage(split(asked), plan("x2"))

    def test_bytes_that_cannot_be_had_are_no_damage(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        damaged = write(tmp_path / "b")
        break_page(damaged)

        def fails(path: str) -> pa.NativeFile:
            raise OSError(5, "Input/output error", path)

        monkeypatch.setattr("replay.traffic.damaged.open_input", fails)
        with pytest.raises(TrafficError, match="b: cannot be read"):
            find_damage(split(piece(damaged)), plan("x2"))

    def test_on_an_object_store(self, s3: S3Server, tmp_path: Path) -> None:
        damaged, sound = write(tmp_path / "b"), write(tmp_path / "a")
        break_page(damaged)
        bucket = s3.new_bucket()
        pieces = [replace(piece(path), path=upload(path, f"{bucket}/{path.name}")) for path in (damaged, sound)]
        assert list(find_damage(split(*pieces), plan("id", "x2"))) == [f"{bucket}/b"]
        s3.client().delete_object(Bucket=bucket.removeprefix("s3://"), Key="b")
        with pytest.raises(TrafficError, match="b: was there when the run started and cannot be read now"):
            find_damage(split(*pieces), plan("id", "x2"))


@pytest.mark.spark
class TestLeaveOut:
    def test_the_table_is_without_them_and_says_so(self, spark: SparkSession, tmp_path: Path) -> None:
        paths = [write(tmp_path / f"{place}.parquet", place * ROWS) for place in range(4)]
        break_page(paths[1])
        truncate(paths[2])
        config = traffic_config(str(tmp_path))
        table = open_traffic(spark, config, lenient=True)
        found = leave_out_unreadable(spark, table, ["id", "x2"], 4 * ROWS)
        assert [file.path for file in found.files] == [str(paths[0]), str(paths[3])]
        assert [each.file.path for each in found.unreadable] == [str(paths[1]), str(paths[2])]
        assert found.num_rows == 2 * ROWS
        sizes = [path.stat().st_size for path in paths]
        unknown = round(sizes[2] * 2 * ROWS / (sizes[0] + sizes[3]))
        assert [each.counted for each in found.unreadable] == [ROWS, unknown]
        assert found.fingerprint() != table.fingerprint()
        with pytest.raises(TrafficError, match=rf"count for {ROWS + unknown:,} rows, .* allows {ROWS + unknown - 1:,}"):
            leave_out_unreadable(spark, table, ["id", "x2"], ROWS + unknown - 1)

    def test_files_that_the_selection_does_not_reach_do_not_count(self, spark: SparkSession, tmp_path: Path) -> None:
        paths = []
        for day in ("2026-01-01", "2026-01-02"):
            (tmp_path / f"day={day}").mkdir()
            paths.append(write(tmp_path / f"day={day}" / "a.parquet"))
        truncate(paths[0])
        config = traffic_config(str(tmp_path), where="day = '2026-01-02'")
        table = open_traffic(spark, config, lenient=True)
        assert [each.file.path for each in table.unreadable] == [str(paths[0])]
        assert leave_out_unreadable(spark, table, ["id"], 1).unreadable == ()
        [left] = leave_out_unreadable(spark, table, ["id"], ROWS, everywhere=True).unreadable
        assert left.file.path == str(paths[0])
