import pytest
from pydantic import ValidationError

from replay.config import Output


@pytest.mark.parametrize(
    ("given", "expected"), [(0, 0), ("ctr", "ctr"), (["ctr", 1], ("ctr", 1)), (("heads", -1), ("heads", -1))]
)
def test_a_selection_is_an_index_a_key_or_a_list_of_them(given, expected):
    assert Output(select=given).select == expected


@pytest.mark.parametrize("given", [True, 1.5, [], [0, True], {"ctr": 0}])
def test_anything_else_selects_nothing(given):
    with pytest.raises(ValidationError, match="expected an index, a key, or a list of them"):
        Output(select=given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ()),
        ({"transform": "none"}, ()),
        ({"transform": "sigmoid"}, ("sigmoid",)),
        ({"transform": ["complement", "none", "logit"]}, ("complement", "logit")),
        ({"select": 1, "transform": "softmax"}, ("softmax",)),
        ({"select": ["heads", 1], "transform": ["softmax", "logit"]}, ("softmax", "logit")),
    ],
)
def test_transforms_are_one_or_a_list(given, expected):
    assert Output.model_validate(given).transforms == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"transform": "softmax"}, "give the index of one of them as `select: 1`"),
        ({"select": "ctr", "transform": "softmax"}, "give the index of one of them"),
        ({"select": 1, "transform": ["sigmoid", "softmax"]}, "so that it comes first"),
        ({"scale": 0}, "a factor of 0 makes every score 0"),
        ({"clip": {}}, "give `min`, `max` or both"),
        ({"clip": {"min": 0.5, "max": 0.5}}, "found 0.5, expected less than `max`, 0.5"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Output.model_validate(given)
