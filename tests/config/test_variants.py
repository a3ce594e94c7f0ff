from datetime import timedelta

import pytest

from replay.config import build_config, expand_scenarios, sensitivity_name, variant_names
from tests.config.examples import small

MODEL = {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}], "families": {"7d counts": ["a"], "b": ["b"]}}
TRAFFIC = {"path": "t", "key": "id", "score": "s", "time": "ts", "entity": "user"}


def config(**sections):
    return build_config(small(**{"model": MODEL, "traffic": TRAFFIC, **sections}))


def steps(scenario):
    return [(step.op, step.only_rate, step.arguments.older_by) for step in scenario.perturbations]


def test_a_list_gives_a_scenario_per_value():
    made = expand_scenarios(
        config(
            scenarios={
                "plain": [{"op": "nulls", "features": "a", "rate": 0.3}],
                "dose": [{"op": "nulls", "features": "a", "rate": [0.01, 0.5, 1.0]}],
                "late": [{"op": "stale", "features": "a", "lag": ["90s", "3h"]}],
            }
        )
    )
    assert [(scenario.name, scenario.salt) for scenario in made] == [
        ("plain", "plain"), ("dose@0.01", "dose"), ("dose@0.5", "dose"), ("dose@1", "dose"),
        ("late@90s", "late"), ("late@3h", "late"),
    ]  # fmt: skip
    assert [steps(scenario) for scenario in made] == [
        [("nulls", 0.3, None)],
        [("nulls", 0.01, None)],
        [("nulls", 0.5, None)],
        [("nulls", 1.0, None)],
        [("stale", 1.0, timedelta(seconds=90))],
        [("stale", 1.0, timedelta(hours=3))],
    ]


def test_several_lists_give_every_combination_in_the_order_of_the_steps():
    made = expand_scenarios(
        config(
            scenarios={
                "both": [
                    {"op": "stale", "features": "a", "rate": [0.1, 1], "lag": ["1h", "1d"]},
                    {"op": "nulls", "features": "b", "rate": [0.5]},  # a list of one is no list
                    {"op": "nulls", "features": "b", "rate": [0, 0.2]},
                ]
            }
        )
    )
    assert [scenario.name for scenario in made] == [
        "both@0.1@1h@0", "both@0.1@1h@0.2", "both@0.1@1d@0", "both@0.1@1d@0.2",
        "both@1@1h@0", "both@1@1h@0.2", "both@1@1d@0", "both@1@1d@0.2",
    ]  # fmt: skip
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert steps(made[3]) == [("stale", 0.1, day), ("nulls", 0.5, None), ("nulls", 0.2, None)]
    assert steps(made[4]) == [("stale", 1.0, hour), ("nulls", 0.5, None), ("nulls", 0.0, None)]


def test_a_step_that_was_not_expanded_has_no_single_value():
    (step,) = config(
        scenarios={"x": [{"op": "stale", "features": "a", "rate": [0, 1], "lag": ["1h", "2h"]}]}
    ).scenarios["x"]
    with pytest.raises(ValueError, match="too many values"):
        _ = step.only_rate
    with pytest.raises(ValueError, match="too many values"):
        _ = step.arguments.older_by


def test_sensitivity_nulls_each_family():
    made = expand_scenarios(config(sensitivity=True))
    assert [(scenario.name, scenario.salt) for scenario in made] == [
        ("null.7d_counts", "null.7d_counts"),
        ("null.b", "null.b"),
    ]
    assert [(step.families, step.features, step.only_rate) for each in made for step in each.perturbations] == [
        (("7d counts",), (), 1.0),
        (("b",), (), 1.0),
    ]
    assert sensitivity_name("a/b@c d") == "null.a_b_c_d"


def test_variants_in_order():
    sections = {
        "checkpoints": {"old": {"path": "o"}, "new": {"path": "n"}, "low": {"from": "new", "cast": "int8"}},
        "baseline": "new",
        "scenarios": {"dose": [{"op": "nulls", "features": "a", "rate": [0.1, 1]}]},
    }
    assert variant_names(config(**sections)) == ("new", "old", "low", "new/dose@0.1", "new/dose@1")
    sections |= {
        "scenario_checkpoints": ["old", "low"],
        "skew_matrix": {"modules": {"q": ["old", "new"], "i": ["new"]}},
    }
    assert variant_names(config(**sections)) == (
        "new", "old", "low", "q.old+i.new",
        "old/dose@0.1", "old/dose@1", "low/dose@0.1", "low/dose@1",
    )  # fmt: skip
