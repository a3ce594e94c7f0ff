"""The mismatch rate in one line."""

from __future__ import annotations

import pytest

from replay.report.summary.data import ReportData
from replay.report.terminal.sparkline import ASCII, BLOCKS, draw_levels, sparkline
from tests.report import sample


def report(mismatched: list[int]) -> ReportData:
    return ReportData(
        sample.clean_data().summary, tuple(sample.bucket_rows("prod", [10] * len(mismatched), mismatched))
    )


def lines(mismatched: list[int], *, width: int = 80, unicode: bool = True) -> list[str]:
    return [line.plain for line in sparkline(report(mismatched), "prod", width, unicode=unicode)]


def test_a_level_is_a_share_of_the_highest_rate():
    title, line, blank = lines([0, 1, 5, 10])
    assert line == f"{BLOCKS[0]}{BLOCKS[1]}{BLOCKS[4]}{BLOCKS[7]}"  # 7 levels above zero: 0.7 and 3.5 rounded up, 7
    assert title == "mismatch rate per 1 min bucket, 2026-11-20 17:00 to 17:04 UTC, highest 100%"
    assert blank == ""
    assert lines([0, 1, 5, 10], unicode=False)[1] == f"{ASCII[0]}{ASCII[1]}{ASCII[4]}{ASCII[7]}"


def test_more_buckets_than_columns_are_drawn_by_their_worst():
    title, line, _ = lines([0] * 39 + [10], width=24)  # 20 columns: two buckets each
    assert line == BLOCKS[0] * 19 + BLOCKS[7]
    assert "per 2 min (worst 1 min bucket)" in title


def test_nothing_is_drawn_where_no_row_differs_or_there_is_no_time():
    assert lines([0, 0, 0]) == []
    assert list(sparkline(sample.bare_data(), "prod", 80, unicode=True)) == []


@pytest.mark.parametrize(("values", "drawn"), [([], ""), ([None, 0.0], " _"), ([1e-9, 1.0], ".#")])
def test_a_gap_is_a_space_and_only_zero_is_the_lowest(values, drawn):
    assert draw_levels(values, ASCII) == drawn
