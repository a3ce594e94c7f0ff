from __future__ import annotations

from replay.report.slices import Slice, dominant_slice, slices_by_variant
from tests.report.sample import START, metric


def test_slices_carry_the_online_score_s_own_metrics():
    rows = [
        metric("prod", "mismatch_rate", 0.5, 10, where="surface=home"),
        metric("prod", "auc", 0.7, 10, against=None, where="surface=home"),
        metric("online", "auc", 0.6, 10, against=None, where="surface=home"),
        metric("prod", "mismatch_rate", 0.9, 10, against="baseline", where="surface=home"),
        metric("prod", "mismatch_rate", 0.9, 10, where="surface=home", bucket=START),
    ]
    found = slices_by_variant(rows)
    assert list(found) == ["prod"]
    (home,) = found["prod"]
    assert (home.compared, home.mismatched, home.metrics["auc"].value, home.online["auc"].value) == (10, 5, 0.7, 0.6)


def test_slices_are_by_segment_and_then_by_mismatches():
    rows = [
        metric("prod", "mismatch_rate", rate, 10, where=where)
        for where, rate in (("a=1", 0.1), ("b=1", 0.9), ("a=2", 0.4))
    ]
    assert [entry.name for entry in slices_by_variant(rows)["prod"]] == ["a=2", "a=1", "b=1"]


def test_a_slice_with_nearly_all_mismatches_stands_out():
    found = dominant_slice([Slice("surface=home", 40, 19), Slice("surface=search", 60, 1)])
    assert found is not None
    entry, share, rows_share = found
    assert (entry.name, share, rows_share) == ("surface=home", 0.95, 0.4)


def test_a_slice_with_nearly_all_rows_does_not():
    assert dominant_slice([Slice("surface=home", 95, 19), Slice("surface=search", 5, 1)]) is None


def test_no_slice_stands_out_where_nothing_differs():
    assert dominant_slice([Slice("surface=home", 40, 0), Slice("surface=search", 0, 0)]) is None
    assert dominant_slice([]) is None
