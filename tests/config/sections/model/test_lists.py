from __future__ import annotations

from typing import Any

import pytest

from replay.config.sections.model.input import Input
from replay.config.sections.model.lists import check_derived, check_lists


def of_lists(**data: Any) -> list[tuple[Any, str]]:
    return [(finding.path, finding.message) for finding in check_lists(data)]


@pytest.mark.parametrize(
    "data",
    [
        {"feature": "a", "pad": 0, "pad_side": "left"},
        {"feature": "a", "pad": 0, "length": 5, "pad_side": "left", "keep": "last"},
        {"feature": "a", "ragged": "flat", "length": 5, "keep": "last"},
        {"feature": "a", "length": 6, "shape": [2, 3]},
        {"feature": "a", "length": 6, "pad": 0, "shape": [2, 3]},
        {"features": ["a", "b"], "shape": [2, 1]},
        {"lengths_of": "b", "dtype": "float32"},
    ],
)
def test_what_goes_together(data: dict[str, Any]) -> None:
    assert list(Input.check({"name": "x", **data})) == []


def test_what_does_not() -> None:
    assert of_lists(feature="a", pad_side="left", length=3) == [
        (("pad_side",), "says where `pad` goes: give a `pad`, or leave it out")
    ]
    keep = "says what is left of lists longer than `length`: give that, with `pad` or `ragged: flat`"
    assert of_lists(feature="a", keep="last", pad=0) == [(("keep",), keep)]
    assert of_lists(feature="a", keep="last", length=3) == [(("keep",), keep)]
    assert of_lists(feature="a", ragged="flat", shape=[2]) == [
        (("shape",), "lists end to end have no shape of a row: leave it out")
    ]
    assert of_lists(feature="a", pad=0, shape=[2, 2]) == [
        (("shape",), "is of as many values in each row: give `length` too")
    ]


def test_inputs_that_are_made_of_others() -> None:
    found = [
        (finding.path, finding.message)
        for finding in check_derived({"lengths_of": "a", "dtype": "int8", "keep": "last", "shape": [2]}, "lengths_of")
    ]
    assert found == [
        ((), "an input of lengths reads no column: leave out `keep`, `shape`"),
        (("dtype",), "lengths are counts: expected one of int64, int32, float32, float64, not int8"),
    ]
