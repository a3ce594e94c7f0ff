"""Marks of rows, by hand."""

from __future__ import annotations

from math import comb, log2

import numpy as np
import pyarrow as pa
import pytest

from replay.diagnosis.causes.equivalents.marks import Mark, column_marks, distinct_values, find_mark, round_between

RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(size=200)
WORDS = np.array(["ads", "feed", "mail", "home"])[RNG.integers(0, 4, 200)]


def words_of(name: str, column: pa.Array, differ: np.ndarray) -> str | None:
    found = find_mark(column_marks(name, column, differ), differ)
    return None if found is None else found.words


@pytest.mark.parametrize(
    ("differ", "words"),
    [
        (NUMBERS < 0, "with x < 0"),
        (NUMBERS > 0.7, "with x ≥ 0.7"),
        (RNG.random(200) < 0.3, None),
        (np.zeros(200, bool), None),
    ],
    ids=["below", "above", "nothing to do with it", "none"],
)
def test_numbers_are_cut_where_it_says_most(differ, words):
    found = words_of("x", pa.array(NUMBERS), differ)

    assert found == words or (found is not None and words is not None and found.startswith(words[:8]))


def test_some_values_and_all_but_some():
    column = pa.array(WORDS)

    assert words_of("surface", column, WORDS == "ads") == "with surface ads"
    assert words_of("surface", column, WORDS != "home") == "with surface other than home"
    assert words_of("surface", column, np.isin(WORDS, ["mail", "ads"])) == "with surface ads or mail"


def test_nulls_and_what_has_none():
    column = pa.array([None if place % 4 == 0 else 1.5 for place in range(80)])
    is_null = column.is_null().to_numpy(zero_copy_only=False)

    assert words_of("age", column, is_null) == "with age null"
    assert words_of("age", column, ~is_null) == "with age not null"


def test_a_mark_of_which_a_tenth_does_not_differ_is_none():
    differ = (NUMBERS > 0) & (RNG.random(200) < 0.6)

    assert words_of("x", pa.array(NUMBERS), differ) is None


def test_few_rows_are_no_evidence_for_a_mark():
    """Two rows of ten: 45 ways to draw them, less than the marks that there are to choose from."""
    differ = np.arange(10) < 2

    assert words_of("x", pa.array(np.arange(10.0)), differ) is None


def test_bits_are_those_that_list_the_rows():
    """Forty of a hundred rows, marked but for one: what is saved is what the lists take, by hand."""
    differ = np.arange(100) < 40
    holds = np.arange(100) < 39
    saved = log2(comb(100, 40)) - log2(comb(39, 39)) - log2(comb(61, 1))
    just_enough = 2.0 ** (saved - 7.0)

    assert find_mark([Mark("m", holds, int(0.99 * just_enough))], differ) is not None
    assert find_mark([Mark("m", holds, int(1.01 * just_enough))], differ) is None


def test_the_first_of_two_that_say_it_equally_well():
    differ = np.arange(100) < 40

    assert find_mark([Mark("one", differ), Mark("other", differ)], differ).words == "one"


def test_lists_are_not_cut():
    column = pa.array([[1.0], [2.0]] * 30)

    assert list(column_marks("history", column, np.arange(60) < 30)) == []
    assert distinct_values(column) is None
    assert distinct_values(pa.array([1, None, 1])) == 2


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(-1.0, 0.0, 0.0), (0.123, 0.131, 0.13), (99.0, 101.0, 100.0), (7.0, 7.5, 7.2)]
)
def test_cuts_are_round(low, high, expected):
    assert round_between(low, high) == expected
