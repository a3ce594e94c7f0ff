"""Names of hypotheses."""

from __future__ import annotations

from replay.diagnosis.causes.hypothesis import name_features


def test_families_are_named_where_all_of_their_features_are_touched():
    families = {"ab": ("a", "b"), "abc": ("a", "b", "c"), "d": ("d",)}

    assert name_features(("a", "b", "d"), families) == (("ab", "d"), ())
    assert name_features(("a", "b", "c"), families) == (("abc",), ())
    assert name_features(("a", "c"), families) == ((), ("a", "c"))
