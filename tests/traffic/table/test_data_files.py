"""Files that cannot be read: what they count for, and when they are too many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replay.errors import TrafficError
from replay.traffic import DataFile, UnreadableFile
from replay.traffic.table.data_files import counted, is_still_there, refuse_all, refuse_more, unreadable_now


def bad(name: str, size: int, rows: int | None, counted: int = 1) -> UnreadableFile:
    return UnreadableFile(DataFile(name, size, rows), "is damaged", counted)


def test_known_rows_count_and_unknown_ones_by_size():
    others = [DataFile("x", 900, 90), DataFile("y", 100, 10), DataFile("z", 500, None), DataFile("w", None, 7)]
    found = counted([bad("c", 500, 7), bad("b", 500, None), bad("a", 0, None), bad("d", 500, 0)], others)
    assert [(each.file.path, each.rows, each.counted) for each in found] == [
        ("a", None, 1),
        ("b", None, 50),
        ("c", 7, 7),
        ("d", 0, 0),
    ]


def test_with_no_other_file_an_unknown_one_counts_for_one_row():
    assert counted([bad("a", 10_000, None)], [])[0].counted == 1


def test_as_many_as_may_be_are_accepted():
    refuse_more([bad("a", 1, 3, 3), bad("b", 1, None, 2)], 5)
    refuse_more([], 0)


def test_more_are_refused_with_the_count():
    files = [bad(f"t/{place}", 1, None if place else 3, 3) for place in range(5)]
    with pytest.raises(TrafficError) as caught:
        refuse_more(files, 14)
    assert str(caught.value).splitlines() == [
        "5 files cannot be read, which count for 15 rows, and `engine.max_bad_rows` allows 14: restore them, or give a "
        "larger --max-bad-rows",
        "  t/0: is damaged (3 rows)",
        "  t/1: is damaged (rows unknown, counted as 3)",
        "  t/2: is damaged (rows unknown, counted as 3)",
        "  ... and 2 more",
    ]


def test_a_table_of_which_nothing_is_left_is_refused():
    files = [bad("a", 1, None), bad("b", 1, None)]
    with pytest.raises(TrafficError, match=r"^none of 2 data files can be read; a: is damaged$"):
        refuse_all(files, [each.file for each in files])
    refuse_all(files[:1], [each.file for each in files])
    refuse_all([], [])


def test_one_is_still_there_while_its_size_and_time_are_the_same(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 5))
    before = unreadable_now(DataFile(str(path), 7, 4), "has 3 bytes, not 7").describe()
    assert before == {
        "path": str(path),
        "reason": "has 3 bytes, not 7",
        "rows": 4,
        "counted": 1,
        "size": 3,
        "modified": 5,
    }
    assert is_still_there(before)
    os.utime(path, ns=(6, 6))
    assert not is_still_there(before)
    path.unlink()
    assert not is_still_there(before)
