"""A line with a place in it underlined: cut around it, and in columns, not characters."""

from __future__ import annotations

import time

import pytest

from replay.errors.excerpt import Excerpt, width


def shown(text: str, start: int, end: int, columns: int = 100) -> list[str]:
    """The text and the carets, without what stands before the bar."""
    return [line[8:] for line in Excerpt(text, start, end).render(1, columns=columns).splitlines()]


def test_a_place_is_underlined():
    assert Excerpt("  a: bcd", 5, 8).render(14).splitlines() == ["   14 |   a: bcd", "      |      ^^^"]


def test_wide_characters_take_two_columns_and_marks_none():
    assert shown("日本: e\u0301x", 4, 7) == ["日本: e\u0301x", "      ^^"]
    assert shown("a: 日本", 3, 5) == ["a: 日本", "   ^^^^"]
    assert width("日本") == 4


def test_tabs_and_what_moves_the_cursor_take_one_column():
    assert shown("a:\t\x1b[31mb", 3, 4) == ["a:  [31mb", "   ^"]


def test_an_empty_place_has_one_caret():
    assert shown("a:", 2, 2) == ["a:", "  ^"]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (0, ["abcdefghij...", "^"]),
        (12, ["...hijklmnopq...", "        ^"]),
        (25, ["...qrstuvwxyz", "            ^"]),
    ],
)
def test_long_lines_are_cut_around_the_place(start: int, expected: list[str]):
    # 24 columns: 8 before the text, 6 for what is cut off, 10 for text
    assert shown("abcdefghijklmnopqrstuvwxyz", start, start + 1, columns=24) == expected


def test_a_place_that_is_longer_than_the_line_may_be_is_cut_too():
    assert shown("x: " + "a" * 50, 3, 53, columns=24) == ["...aaaaaaaaaa...", "   ^^^^^^^^^^"]


def test_a_place_past_the_end_is_the_end():
    assert shown("ab", 5, 9) == ["ab", "  ^"]


@pytest.mark.parametrize("length", [1, 40])
def test_what_is_far_from_the_place_is_as_if_it_were_not_there(length: int):
    """Whether the line is long or endless, what is shown around a place is the same."""
    for ends in (1_000, 1_000_000):
        line = "a" * ends + "b" * length + "c" * ends
        assert shown(line, ends, ends + length, columns=24) == (
            ["...aaaaabcccc...", "        ^"] if length == 1 else ["...bbbbbbbbbb...", "   ^^^^^^^^^^"]
        )


def test_an_excerpt_of_an_endless_line_is_quick():
    line = "日" * 3_000_000
    start = time.process_time()
    for place in range(0, len(line), 3_000):
        Excerpt(line, place, len(line)).render(1)
    assert time.process_time() - start < 5
