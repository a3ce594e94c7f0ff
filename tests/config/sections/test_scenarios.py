"""Steps against the model and the traffic: which features they name, of which rows."""

import pytest

from replay.config import ConfigError, Perturbation, build_config
from replay.config.sections.scenarios import check_scenarios
from tests.config.examples import small

TRAFFIC = {"path": "t", "key": "id", "score": "s", "time": "ts", "entity": "user"}
SMALL_MODEL = {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}], "families": {"f": ["a", "b"]}}
MODEL = {
    "inputs": [
        {"name": "dense", "features": ["I1", "I2", "n*"], "missing": {"I1": 0, "n1": 1}},
        {"name": "sparse", "features": ["C*"], "missing": 0},
        {"name": "emb", "feature": "user.vec"},
        {"name": "raw", "features": ["r*", "z"]},
    ],
    "families": {"counts": ["I1", "n1"], "user": ["user.*"], "sparse": "C*", "open": ["I2", "n2", "n*", "unread"]},
}


def found(op, model=MODEL, **step):
    step = {"op": op, **({"lag": "1h"} if op == "stale" else {"factor": 2} if op == "scale" else {}), **step}
    data = small(traffic=TRAFFIC, model=model, scenarios={"s": [step]})
    against_others = [(finding.path[3:], finding.message) for finding in check_scenarios(data)]
    return [(finding.path, finding.message) for finding in Perturbation.check(step)] + against_others


def sensitive(model):
    return list(check_scenarios(small(model=model, sensitivity=True)))


def null(op, feature, name):
    return (
        f"{op} makes `{feature}` null, which input `{name}` refuses: give the input a `missing` for it, such as "
        f"`missing: {{{feature}: 0}}`"
    )


@pytest.mark.parametrize(
    "step",
    [
        {"features": "I1"},
        {"features": ["I2", "user.vec", "nnn", "C7", "r1", "?"]},
        {"families": "counts"},
        {"families": ["counts", "user", "sparse", "open"]},
        {"features": ["I1"], "families": ["counts"]},
    ],
)
def test_sound(step):
    assert found("shuffle", **step) == []


def test_something_is_named():
    assert found("shuffle") == [((), "give `features` or `families`: what it happens to")]
    assert found("shuffle", features=[], families=[]) == found("shuffle")
    assert found("shuffle", features={"a": 1}) == []  # another mistake


def test_families_that_are_not_there():
    assert found("shuffle", families=["counts", "count"]) == [
        (("families", 1), "`count` is not under `model.families`; did you mean `counts`?")
    ]
    assert found("shuffle", families="xyz") == [
        (("families",), "`xyz` is not under `model.families`: it has counts, user, sparse, open")
    ]
    assert found("shuffle", families="xyz", model={}) == [
        (("families",), "`xyz` is not under `model.families`: it has none")
    ]


def test_features_that_no_input_reads():
    assert found("shuffle", features=["I1", "i2", "xyz"]) == [
        (("features", 1), "no input of the model reads `i2`; did you mean `I2`?"),
        (("features", 2), "no input of the model reads `xyz`"),
    ]
    assert found("shuffle", features="xyz", model={"families": {}}) == []  # nothing is known of the inputs


def test_swaps():
    assert found("swap", features=["I1", "I2"], **{"with": ["C1", "C2"]}) == []
    assert found("swap", features=["I1", "I2"], **{"with": "C1"}) == [
        (("with",), "found 1 names for 2 features, expected one each")
    ]
    assert found("swap", features="I1", **{"with": "xyz"}) == [(("with",), "no input of the model reads `xyz`")]
    assert found("swap", features="I*", **{"with": "C?"}) == [
        ((), "`swap` takes no globs, found I*, C?: name each feature")
    ]
    assert found("swap", features=["I1", "I2"], **{"with": ["I2", "C1"]}) == [
        (("with",), "`I2` is swapped twice in one step: use two steps")
    ]
    assert found("swap", features="I1", families="counts", **{"with": "C1"}) == [
        (("families",), "`swap` exchanges single features: name them under `features` and `with`")
    ]


@pytest.mark.parametrize("op", ["nulls", "stale"])
def test_what_goes_missing_has_a_default(op):
    assert found(op, features=["I1", "n1", "C3", "C*"], families=["counts", "sparse"]) == []
    assert found(op, features=["I1", "I2", "user.vec", "r7", "z"]) == [
        (("features", 1), null(f"`{op}`", "I2", "dense")),
        (("features", 2), null(f"`{op}`", "user.vec", "emb")),
        (("features", 3), null(f"`{op}`", "r7", "raw")),
        (("features", 4), null(f"`{op}`", "z", "raw")),
    ]
    assert found(op, families=["counts", "user"]) == [(("families", 1), null(f"`{op}`", "user.vec", "emb"))]


def test_globs_are_judged_as_far_as_they_can_be_told():
    """`n*` may be n1 alone, which has a default; of `r*` nothing has one, whatever the table holds."""
    assert found("nulls", features=["n*", "n?"]) == []
    assert found("nulls", features=["I*"]) == [(("features", 0), null("`nulls`", "I2", "dense"))]
    assert found("nulls", features=["r*"]) == [(("features", 0), null("`nulls`", "r*", "raw"))]
    assert found("nulls", features=["r?"]) == []


def test_no_other_op_makes_nulls():
    assert found("scale", features=["I2", "user.vec"]) == []


def test_sensitivity_makes_every_family_null():
    assert [(finding.path, finding.message) for finding in sensitive(MODEL)] == [
        (("sensitivity",), null("the scenario of family `user`", "user.vec", "emb")),
        (("sensitivity",), null("the scenario of family `open`", "I2", "dense")),
        (("sensitivity",), null("the scenario of family `open`", "n2", "dense")),
    ]
    assert [finding.message for finding in sensitive({})] == [
        "makes each family of features null in turn: name some under `model.families`"
    ]


def test_stale_needs_a_history():
    step = {"op": "stale", "features": "a", "lag": "3h"}
    data = small(traffic={"path": "t", "key": "id", "score": "s"}, model=SMALL_MODEL, scenarios={"s": [step]})
    assert [(finding.path[3:], finding.message) for finding in check_scenarios(data)] == [
        (("op",), "`stale` needs `traffic.entity`: whose history the older value comes from"),
        (("op",), "`stale` needs `traffic.time`: when a value was logged"),
    ]


def test_a_window_needs_a_time():
    window = {"start": "2026-11-20"}
    step = {"op": "nulls", "features": "a"}
    data = small(traffic={"path": "t", "key": "id", "score": "s"}, model=SMALL_MODEL, scenarios={"s": [step]})
    assert list(check_scenarios(data)) == []
    data["scenarios"]["s"][0]["window"] = window
    assert [(finding.path[3:], finding.message) for finding in check_scenarios(data)] == [
        (("window",), "needs `traffic.time`, the column that the window selects on")
    ]


@pytest.mark.parametrize(
    ("replayed", "window", "sound"),
    [
        ({"start": "2026-11-20", "end": "2026-11-21"}, {"start": "2026-11-20T23:59:00Z"}, True),
        ({"start": "2026-11-20", "end": "2026-11-21"}, {"start": "2026-11-21"}, False),  # the end is not in
        ({"start": "2026-11-20", "end": "2026-11-21"}, {"end": "2026-11-20"}, False),
        ({"end": "2026-11-21"}, {"end": "2026-11-01"}, True),
        ({"start": "2026-11-20"}, {"start": "2026-11-01", "end": "2026-11-20T01:00:00+02:00"}, False),
        ({}, {"start": "2026-11-20"}, True),
        ({"start": "x"}, {"start": "2026-11-20"}, True),  # another mistake
    ],
)
def test_a_window_meets_that_of_the_traffic(replayed, window, sound):
    step = {"op": "nulls", "features": "a", "window": window}
    data = small(traffic={**TRAFFIC, "window": replayed}, model=SMALL_MODEL, scenarios={"s": [step]})
    expected = [] if sound else ["has no moment in common with `traffic.window`: no row would be touched"]
    assert [finding.message for finding in check_scenarios(data)] == expected


def test_every_step_of_every_scenario():
    sound, wrong = {"op": "nulls", "features": "a"}, {"op": "nulls", "features": "c"}
    data = small(model=SMALL_MODEL, scenarios={"s": [sound, wrong], "t": [wrong, sound, wrong]})
    assert [finding.path for finding in check_scenarios(data)] == [
        ("scenarios", "s", 1, "features"),
        ("scenarios", "t", 0, "features"),
        ("scenarios", "t", 2, "features"),
    ]


def test_objects_are_read_as_plain_data_is():
    step = Perturbation(op="swap", features=("a",), with_=("b",))
    data = small(model=SMALL_MODEL, scenarios={"s": [step.model_dump()]})
    assert list(check_scenarios(data)) == []


def test_what_has_a_wrong_shape_is_skipped():
    steps = [5, {"op": 5}, {"op": "nulls", "features": [5], "families": {"a": 1}, "rate": [[1], [1], "x", "x"]}]
    data = small(scenarios={"s": steps, "t": "x"}, traffic=3, model=4)
    assert list(check_scenarios(data)) == []


SOURCES = {"served": {"path": "o", "key": "id"}, "trained": {"path": "t"}}
JOINED = {"op": "from", "source": "served", "features": "a"}


def test_a_step_names_a_source_that_has_a_key():
    config = build_config(small(sources=SOURCES, scenarios={"x": [JOINED]}))
    assert config.scenarios["x"][0].arguments.other_table == "served"


@pytest.mark.parametrize(
    ("step", "key", "message"),
    [
        ({**JOINED, "source": "servd"}, ".source", "`servd` is not under `sources`; did you mean `served`?"),
        ({**JOINED, "source": "trained"}, ".source", "`from` takes values row by row: give `sources.trained.key`"),
        ({"op": "from", "features": "a"}, "", "`from` needs `source`"),
        ({**JOINED, "op": "nulls"}, ".source", "is no argument of `nulls`: it takes no arguments"),
    ],
)
def test_mistakes_about_sources(step, key, message):
    model = {"inputs": [{"name": "x", "features": ["a"], "missing": 0}]}
    with pytest.raises(ConfigError) as raised:
        build_config(small(sources=SOURCES, scenarios={"x": [step]}, model=model))
    assert [(one.path, one.message) for one in raised.value.problems] == [(f"scenarios.x[0]{key}", message)]
