"""The kind that is named, and where none is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.compare import NUM_CODES
from replay.audit.kinds.find import find_kind, unserved_slices
from replay.audit.row_differences import FeatureCounts
from tests.audit.kinds.planted import amounts, differing, names

LISTS = [list(range(number, number + 4 + number % 3)) for number in range(60)]


def _counts(table=((0, 400, 0, 0, 0),)) -> FeatureCounts:
    counts = FeatureCounts()
    counts.counts = np.array(table)
    assert counts.counts.shape[1] == NUM_CODES
    return counts


def _kind(rows, counts=None, slices=(("all", 0),)):
    return find_kind(rows, counts or _counts(), slices, None)


PLANTED = {
    "null": (amounts(), [None] * 400),
    "default": (amounts() + 1, np.zeros(400)),
    "type": (amounts(), amounts().astype(str)),
    "cast": (amounts() / 3 + 1.001, np.trunc(amounts() / 3 + 1.001)),
    "unit": (amounts() + 1, (amounts() + 1) * 60),
    "order": (LISTS, [each[::-1] for each in LISTS]),
    "cut": (LISTS, [each[:3] for each in LISTS]),
    "shifted": (amounts(), amounts() + 0.5),
    "other": (amounts(), np.random.default_rng(1).permutation(amounts())),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_each_kind_is_named(kind):
    assert _kind(differing(*PLANTED[kind])).kind == kind


def test_a_vocabulary_is_named():
    here = names()

    assert _kind(differing(here, [f"m{name}" for name in here], categorical=True)).kind == "vocabulary"


@pytest.mark.parametrize(("share", "kind"), [(0.85, "unit"), (0.7, "other")])
def test_it_holds_for_most_rows_or_is_not_named(share, kind):
    here = amounts() + 1
    there = np.where(np.arange(400) < share * 400, here * 60, here[::-1] + 0.123)

    found = _kind(differing(here, there))

    assert found.kind == kind
    assert found.share == pytest.approx(0.0 if kind == "other" else share, abs=0.01)


def test_of_few_rows_nothing_is_said():
    assert _kind(differing(amounts(9), [None] * 9)).kind == "other"


def test_a_slice_without_any_value_is_not_served():
    counts = _counts([(300, 0, 0, 100, 0), (0, 0, 0, 100, 20), (300, 0, 0, 0, 0)])
    slices = [("all", 0), ("surface=home", 2), ("surface=shop", 1)]

    found = _kind(differing(amounts(100), [None] * 100), counts, slices)

    assert (found.kind, found.details) == ("not_served", {"slices": ["surface=shop"]})


def test_a_few_rows_or_a_part_of_the_nulls_is_no_slice():
    slices = [("all", 0), ("surface=shop", 1)]

    assert unserved_slices(_counts([(0, 0, 0, 20, 0), (0, 0, 0, 20, 0)]), slices) == []
    assert unserved_slices(_counts([(0, 0, 0, 100, 0), (0, 0, 0, 50, 0)]), [slices[1]]) == []
    assert unserved_slices(_counts([(0, 0, 0, 0, 100)]), slices[:1]) == []
    assert unserved_slices(_counts([(0, 0, 0, 100, 0)]), slices[:1]) == ["all"]


def test_values_of_pyarrow_types_alone_do_not_matter():
    here = pa.array(amounts()).dictionary_encode()

    assert _kind(differing(here, pa.array(amounts() * 2 + 1))).kind == "other"


def test_a_few_nulls_where_both_are_null_else_are_not_unserved():
    """Four rows lost their value in a slice that hardly had any: too few to say so."""
    counts = _counts([(10_000, 1, 0, 4, 500), (0, 0, 0, 4, 500)])

    assert unserved_slices(counts, [("all", 0), ("surface=shop", 1)]) == []
