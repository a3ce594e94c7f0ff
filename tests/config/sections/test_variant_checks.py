import pytest

from replay.config.sections.variant_checks import check_variants
from tests.config.examples import small

NULLS = {"op": "nulls", "features": "a"}
TRAFFIC = {"path": "t", "key": "id", "score": "s", "segments": ["surface", "country"]}


def found(**sections):
    checkpoints = {"prod": {"path": "p"}, "new": {"path": "n"}}
    data = small(**{"checkpoints": checkpoints, "traffic": TRAFFIC, **sections})
    return [(finding.path, finding.message) for finding in check_variants(data)]


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


SCENARIOS = {"x": [NULLS], "dose": [{**NULLS, "rate": [0.1, 0.5]}]}
MATRIX = {"modules": {"q": ["prod", "new"], "i": ["prod", "new"]}}


def about(**gate):
    sections = {"scenarios": SCENARIOS, "skew_matrix": MATRIX, "gates": [{"metric": "auc", "min": 0, **gate}]}
    return [(path[2:], message) for path, message in found(**sections)]


@pytest.mark.parametrize(
    "gate",
    [
        {"variant": "prod"},
        {"variant": "online"},
        {"variant": "prod", "against": "online"},
        {"variant": "new", "against": "baseline"},
        {"variant": "prod/x", "against": "baseline"},
        {"variant": "prod/dose@0.5"},
        {"variant": "q.prod+i.new"},
        {"variant": "prod", "slice": "surface=home=x"},
        {"variant": "prod", "slice": "country="},
    ],
)
def test_sound_gates(gate):
    assert about(**gate) == []


@pytest.mark.parametrize(
    ("gate", "key", "message"),
    [
        ({"variant": "prd"}, "variant", "`prd` is no variant of this config; did you mean `prod`?"),
        ({"variant": "new/x"}, "variant", "`new/x` is no variant of this config; did you mean `new`?"),
        (
            {"variant": "prod/dose@0.9"},
            "variant",
            "`prod/dose@0.9` is no variant of this config; did you mean `prod/dose@0.1`?",
        ),
        (
            {"variant": "prod/dose"},
            "variant",
            "`prod/dose` is no variant of this config: it has prod/dose@0.1, prod/dose@0.5",
        ),
        (
            {"variant": "zzz"},
            "variant",
            "`zzz` is no variant of this config: it has prod, new, q.prod+i.new, q.new+i.prod, prod/x, prod/dose@0.1, "
            "prod/dose@0.5",
        ),
        (
            {"variant": "prod", "against": "baseline"},
            "against",
            "the baseline is not compared with itself: use `against: online`",
        ),
        (
            {"variant": "online", "against": "baseline"},
            "against",
            "`online` are the scores that others are compared with: leave `against` out",
        ),
        ({"variant": "prod", "slice": "home"}, "slice", "found `home`, expected `segment=value`, such as surface=home"),
        (
            {"variant": "prod", "slice": "contry=DE"},
            "slice",
            "`contry` is not among `traffic.segments`; did you mean `country`?",
        ),
    ],
)
def test_gates_about_what_there_is_not(gate, key, message):
    assert about(**gate) == [((key,), message)]


def test_a_gate_on_a_scenario_that_cannot_be_read_is_not_judged():
    scenarios = {"x": [{"op": "nulls", "features": "a", "rate": 2}], "y": [NULLS]}
    gates = [{"variant": name, "metric": "auc", "min": 0} for name in ("prod/x", "prod/x@0.1", "prod/z")]
    assert found(scenarios=scenarios, gates=gates) == [
        (("gates", 2, "variant"), "`prod/z` is no variant of this config; did you mean `prod/y`?")
    ]


def test_what_has_a_wrong_shape_is_skipped():
    sections = {"scenarios": [1], "skew_matrix": 5, "gates": [5, {"variant": 7, "slice": 8}], "sensitivity": "x"}
    assert found(**sections, scenario_checkpoints=7, model=3, traffic=2) == []
