import pytest
from pydantic import ValidationError

from replay.config import ReplayConfig
from replay.config.pydantic_errors import translate
from tests.config.examples import small


def found(data):
    with pytest.raises(ValidationError) as caught:
        ReplayConfig.model_validate(data)
    return [(finding.path, finding.message) for finding in translate(caught.value, data)]


def test_a_finding_about_one_value_that_stands_for_a_list():
    scenarios = {"x": [{"op": "shuffle", "features": "zzz"}]}
    assert found(small(scenarios=scenarios)) == [
        (("scenarios", "x", 0, "features"), "no input of the model reads `zzz`")
    ]


def test_names_of_branches_are_no_part_of_the_place():
    checkpoints = {"prod": {"path": "x"}, "low": {"from": "prod", "zero": 2}}
    assert found(small(checkpoints=checkpoints)) == [
        (("checkpoints", "low", "zero"), "found 2, expected at most 1"),
    ]
    assert found(small(diff={"tolerance": {"abs": -1}})) == [
        (("diff", "tolerance", "abs"), "found -1, expected at least 0")
    ]


def test_a_list_that_lost_its_entries_is_not_short_as_well():
    data = small()
    data["traffic"]["key"] = [5]
    assert found(data) == [(("traffic", "key", 0), "found 5, expected text: put it in quotes")]
    data["traffic"]["key"] = []
    assert found(data) == [(("traffic", "key"), "found an empty list, expected at least one entry")]


def test_a_required_key_says_what_it_is_for():
    data = small()
    del data["traffic"]["score"]
    assert found(data) == [(("traffic", "score"), "required key is missing: what online answered")]


def test_a_mapping_says_its_keys():
    assert found(small(skew_matrix={"modules": {"q": "prod", "i": "prod"}, "limit": 5})) == [
        (("skew_matrix", "limit"), "found 5, expected a mapping with the keys metric, max (required)"),
    ]


def test_an_error_without_words_of_its_own_keeps_those_of_pydantic():
    data = small(checkpoints={})
    assert found(data) == [
        (
            ("checkpoints",),
            "found an empty mapping, expected at least one entry",
        )
    ]
    operators = {"prod": {"path": "x", "operators": {"a": 1}}}
    ((path, message),) = found(small(checkpoints=operators))
    assert path == ("checkpoints", "prod", "operators")
    assert message.startswith("found a mapping, expected a list")
