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
