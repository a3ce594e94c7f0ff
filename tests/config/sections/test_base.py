"""A section is validated once: types and checks together."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import Field, ValidationError

from replay.config.messages.finding import Finding
from replay.config.sections.base import ColumnNames, Flag, PositiveInt, Section, SomeColumnNames, check_repeats

CALLS: list[dict[str, Any]] = []


class Inner(Section):
    low: int = 0
    high: int = 1

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        CALLS.append(dict(data))
        low, high = data.get("low", 0), data.get("high", 1)
        if isinstance(low, int) and isinstance(high, int) and low > high:
            yield Finding(("low",), "is above high")


class Outer(Section):
    inner: Inner = Inner()
    source: str = Field(default="", alias="from")
    count: PositiveInt = 1

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        CALLS.append(dict(data))
        if data.get("from") == "nowhere":
            yield Finding(("from",), "is nowhere")


@pytest.fixture(autouse=True)
def _calls():
    CALLS.clear()


def errors(error):
    return [(each["loc"], each["type"]) for each in error.value.errors()]


def test_each_section_is_checked_once_over_what_its_values_became():
    config = Outer.model_validate({"inner": {"low": "0"}, "from": "here"})
    assert CALLS == [{"low": 0, "high": 1}, {"inner": {"low": 0, "high": 1}, "from": "here", "count": 1}]
    assert config == Outer(inner=Inner(), source="here")


def test_a_section_that_was_made_before_is_not_checked_again():
    inner = Inner(low=-1)
    CALLS.clear()
    assert Outer(inner=inner).inner is inner
    assert [set(call) for call in CALLS] == [{"inner", "from", "count"}]


def test_types_and_checks_are_told_together():
    with pytest.raises(ValidationError) as error:
        Outer.model_validate({"inner": {"low": 5}, "from": "nowhere", "count": 0})
    assert errors(error) == [(("inner",), "findings"), (("count",), "greater_than_equal"), ((), "findings")]
    assert "low: is above high" in str(error.value)
    assert "from: is nowhere" in str(error.value)
    assert CALLS[-1] == {"inner": {"low": 5}, "from": "nowhere", "count": 0}


def test_a_check_gets_plain_data_where_a_type_is_wrong():
    with pytest.raises(ValidationError) as error:
        Outer(inner=Inner(low=-1), source="nowhere", count="x")
    assert errors(error) == [(("count",), "int_parsing")]
    assert CALLS[-1]["inner"] == {"low": -1, "high": 1}


def test_what_is_no_mapping_is_not_checked():
    with pytest.raises(ValidationError) as error:
        Outer.model_validate({"inner": [1]})
    assert errors(error) == [(("inner",), "model_type")]
    assert CALLS == [{"inner": [1]}]


def test_a_key_without_a_value_counts_as_not_given():
    assert Outer.model_validate({"inner": None, "count": None}) == Outer()
    with pytest.raises(ValidationError, match="Extra inputs"):
        Outer.model_validate({"other": 5})


class Names(Section):
    some: SomeColumnNames
    more: ColumnNames = ()
    flag: Flag = False


def test_one_name_stands_for_a_list_of_one():
    assert Names(some="a", more=["b", "c"]) == Names(some=("a",), more=("b", "c"))
    for wrong in ({"some": []}, {"some": [""]}, {"some": "a", "flag": 1}):
        with pytest.raises(ValidationError):
            Names(**wrong)


def test_repeats():
    found = check_repeats(["a", "b", "a", 5, "a"], ("keys",), "keep one")
    assert list(found) == [
        Finding(("keys", 2), "`a` is listed twice: keep one"),
        Finding(("keys", 4), "`a` is listed twice: keep one"),
    ]
    assert list(check_repeats("a", (), "")) == list(check_repeats({"a": 1}, (), "")) == []
