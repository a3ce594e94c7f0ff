from datetime import timedelta

import pytest

from replay.config.sections.variant_names import check_columns, named_variants, too_many_variants, value_text
from tests.config.examples import small

NULLS = {"op": "nulls", "features": "a"}
TRAFFIC = {"path": "t", "key": "id", "score": "s", "segments": ["surface", "country"]}


def found(**sections):
    checkpoints = {"prod": {"path": "p"}, "new": {"path": "n"}}
    data = small(**{"checkpoints": checkpoints, "traffic": TRAFFIC, **sections})
    return [(finding.path, finding.message) for finding in check_columns(named_variants(data)[0], data)]


def taken(name, whose):
    return f"the name `{name}` is a column {whose}: both go into the scores table, so give another name"


def test_scenarios_that_differ_in_case_only():
    assert found(scenarios={"x": [NULLS], "y": [NULLS]}) == []
    assert found(scenarios={"x": [NULLS], "X": [NULLS]}, scenario_checkpoints=["prod", "new"]) == [
        (("scenarios", "X"), taken("prod/X", "of another variant (`prod/x`)"))
    ]


def test_a_variant_is_a_column_beside_those_of_the_traffic():
    assert found(scenarios={"x": [NULLS]}, scenario_checkpoints=["new"], traffic={**TRAFFIC, "label": "New/X"}) == [
        (("scenarios", "x"), taken("new/x", "of the traffic (`label: New/X`)"))
    ]
    assert found(scenarios={"x": [NULLS]}, traffic={**TRAFFIC, "label": "New/X"}) == []


def test_families_that_get_one_name():
    model = {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}], "families": {"a b": "a", "a_b": "b"}}
    assert found(model=model) == []
    assert found(model=model, sensitivity=True) == [
        (("model", "families", "a_b"), taken("prod/null.a_b", "of another variant (`prod/null.a_b`)"))
    ]
    assert found(model=model, sensitivity=True, scenarios={"null.a_b": [NULLS]}) == [
        (("model", "families", family), taken("prod/null.a_b", "of another variant (`prod/null.a_b`)"))
        for family in ("a b", "a_b")
    ]


def test_pairings_beside_checkpoints():
    checkpoints = {"v1": {"path": "1"}, "v2": {"path": "2"}, "Q.v1+i.v2": {"path": "3"}}
    matrix = {"modules": {"q": ["v1", "v2"], "i": ["v1", "v2"]}}
    assert found(checkpoints=checkpoints, skew_matrix=matrix) == [
        (("skew_matrix", "modules"), taken("q.v1+i.v2", "of another checkpoint (`Q.v1+i.v2`)"))
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0.0, "0"),
        (0.1, "0.1"),
        (1e-5, "1e-05"),
        (0.30000000000000004, "0.30000000000000004"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(hours=36), "36h"),
    ],
)
def test_values_in_names(value, text):
    assert value_text(value) == text


def test_what_has_a_wrong_shape_is_skipped():
    sections = {"scenarios": [1], "skew_matrix": 5, "gates": [5, {"variant": 7, "slice": 8}], "sensitivity": "x"}
    assert found(**sections, scenario_checkpoints=7, model=3, traffic=2) == []


@pytest.mark.parametrize(
    ("data", "path", "total"),
    [
        ({"checkpoints": {f"c{n}": {} for n in range(1001)}}, ("checkpoints",), "1,001 variants, 1,001"),
        (
            {"checkpoints": {"a": {}}, "scenarios": {"s": [{"op": "nulls", "rate": [0.1] * 10}] * 3}},
            ("scenarios",),
            "1,001 variants, 1,000",
        ),
        (
            {"checkpoints": {"a": {}}, "scenario_checkpoints": ["a", "b"], "scenarios": {n: [] for n in range(500)}},
            ("scenarios",),
            "1,001 variants, 1,000",
        ),
        (
            {"checkpoints": {"a": {}}, "skew_matrix": {"modules": {"q": ["a", "b"], "i": ["v"] * 500}}},
            ("skew_matrix", "modules"),
            "1,001 variants, 1,000",
        ),
        (
            {"checkpoints": {"a": {}}, "sensitivity": True, "model": {"families": {n: [] for n in range(1000)}}},
            ("scenarios",),
            "1,001 variants, 1,000",
        ),
    ],
    ids=["checkpoints", "doses", "scenarios", "pairings", "families"],
)
def test_variants_have_a_bound_that_is_checked_before_any_is_made(data, path, total):
    found = too_many_variants(data)
    assert found is not None
    assert found.path == path
    assert f"the config makes {total} of them here; a run takes at most 1,000" in found.message


def test_lists_that_multiply_to_the_bound_are_taken():
    scenarios = {"s": [{"op": "nulls", "rate": [0.1] * 9}, {"op": "stale", "lag": ["1h"] * 111}, "no step"]}
    assert too_many_variants({"checkpoints": {"a": {}}, "scenarios": scenarios}) is None
    assert too_many_variants({"checkpoints": 1, "scenarios": 2, "skew_matrix": 3, "scenario_checkpoints": 4}) is None
