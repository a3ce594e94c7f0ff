"""The least change that gives rows of the other table the distributions of the traffic; shares by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.audit.kinds.find import Difference
from replay.flows.audit.name_differences import NamedDifference
from replay.flows.audit.reference.changes import as_in_traffic, moved_share
from replay.scenarios import MatchTarget
from replay.scenarios.least_change import SlicedSummary, summary_of


def _summary(**slices: list[str | None]) -> SlicedSummary:
    found = SlicedSummary(lambda: summary_of("values", pa.large_string()))
    for number, values in enumerate(slices.values()):
        found._of(number).update(pa.array(values, pa.large_string()))
    return found


def test_the_share_that_moves_is_that_of_the_slice_in_which_most_do():
    """Of the first slice a quarter must move, of the second one half."""
    there = _summary(first=["a", "a", "a", "a"], second=["a", "b"])
    here = _summary(first=["a", "a", "a", "b"], second=["b", "b"])
    changes = {MatchTarget("s", ("surface",), "x"): there.change_to(here)}

    assert moved_share(changes, "x") == pytest.approx(0.5)
    assert moved_share(changes, "y") == 0.0


def test_features_of_a_family_change_in_the_same_rows():
    differences = [NamedDifference(name, 1, Difference("other")) for name in ("a", "b", "c")]
    steps = list(as_in_traffic("s", dict.fromkeys("abc", ("surface",)), {"f": ("a", "c"), "g": ("c",)})(differences))

    assert [(step.op, step.features, step.together) for step in steps] == [
        ("match", ("a", "c"), True),
        ("match", ("b",), True),
    ]
    assert [(step.arguments.other_table, step.arguments.slices) for step in steps] == [("s", ("surface",))] * 2


def test_features_of_other_slices_have_steps_of_their_own():
    differences = [NamedDifference(name, 1, Difference("other")) for name in ("a", "b")]
    steps = list(as_in_traffic("s", {"a": ("surface",), "b": ()}, {"f": ("a", "b")})(differences))

    assert [(step.features, step.arguments.slices) for step in steps] == [(("a",), ("surface",)), (("b",), ())]
