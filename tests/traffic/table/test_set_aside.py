"""Files without a footer beside those that have one."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.errors import TrafficError
from replay.traffic import DataFile
from replay.traffic.table.set_aside import with_footers
from tests.damage import break_footer, encrypt, encrypt_columns


@pytest.fixture
def files(tmp_path: Path) -> list[DataFile]:
    found = []
    for name in ("a", "b", "c", "d"):
        pq.write_table(pa.table({"id": list(range(100))}), tmp_path / name)
        found.append(DataFile(str(tmp_path / name), (tmp_path / name).stat().st_size, None))
    return found


def test_they_are_set_aside_where_they_may_be(files: list[DataFile]) -> None:
    for file, damage in zip(files, (break_footer, encrypt, encrypt_columns), strict=False):
        damage(Path(file.path))
    readable, unreadable = with_footers(files, lenient=True)
    assert [(file, footer.metadata.num_rows) for file, footer in readable] == [(files[3], 100)]
    assert [each.file.path for each in unreadable] == [file.path for file in files[:3]]
    for each, reason in zip(unreadable, ("footer is corrupt", "an encrypted Parquet", "are encrypted"), strict=True):
        assert reason in each.reason
        assert each.rows is None
    with pytest.raises(TrafficError, match="footer is corrupt") as caught:
        with_footers(files, lenient=False)
    assert len(str(caught.value).splitlines()) == 3


def test_one_that_is_gone_or_cannot_be_had_says_nothing_of_what_is_in_it(files: list[DataFile]) -> None:
    Path(files[0].path).unlink()
    with pytest.raises(TrafficError, match="a: cannot be read: No such file"):
        with_footers(files, lenient=True)
    os.mkfifo(files[0].path)
    with pytest.raises(TrafficError, match="a: cannot be read: found a pipe"):
        with_footers(files, lenient=True)


def test_all_whole_files_are_read(files: list[DataFile]) -> None:
    readable, unreadable = with_footers(files, lenient=True)
    assert ([file for file, _ in readable], unreadable) == (files, [])
