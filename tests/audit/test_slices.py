"""Slices and their numbers, by hand."""

from __future__ import annotations

import pyarrow as pa

from replay.audit.slices import MOST_VALUES, AuditedSlices, segment_cells


def test_each_row_has_the_number_of_its_value():
    slices = AuditedSlices()

    (codes,) = slices.codes({"surface": pa.array(["home", "search", None, "home"])})

    assert codes.tolist() == [1, 2, 3, 1]
    assert slices.labels == ["all", "surface=home", "surface=search", "surface=null"]
    assert slices.kept() == [("all", 0), ("surface=home", 1), ("surface=null", 3), ("surface=search", 2)]


def test_values_of_other_types_are_told_as_text():
    values, places = segment_cells(pa.array([2, 1, 2]))

    assert (values, places.tolist()) == (["2", "1"], [0, 1, 0])


def test_another_index_is_taken_in_by_name():
    one, other = AuditedSlices(), AuditedSlices()
    one.codes({"a": pa.array(["x", "y"])})
    other.codes({"a": pa.array(["y", "z"])})

    assert one.join(other).tolist() == [0, 2, 3]
    assert one.labels == ["all", "a=x", "a=y", "a=z"]


def test_a_segment_of_too_many_values_is_dropped_in_whatever_order():
    values = [str(number) for number in range(MOST_VALUES + 1)]
    parts = []
    for some in (values[:600], values[400:]):
        part = AuditedSlices()
        part.codes({"user": pa.array(some), "a": pa.array(["x"] * len(some))})
        parts.append(part)
    kept = []
    for first, second in (parts, parts[::-1]):
        whole = AuditedSlices()
        whole.join(first)
        whole.join(second)
        kept.append([label for label, _ in whole.kept()])

    assert kept == [["all", "a=x"], ["all", "a=x"]]
    assert len(AuditedSlices()) == 1
