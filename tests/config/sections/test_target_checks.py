import pytest

from replay.config.sections.target_checks import check_sensitivity, check_targets

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
    return [(finding.path, finding.message) for finding in check_targets(op, step, model)]


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
    assert [(finding.path, finding.message) for finding in check_sensitivity(MODEL)] == [
        ((), null("the scenario of family `user`", "user.vec", "emb")),
        ((), null("the scenario of family `open`", "I2", "dense")),
        ((), null("the scenario of family `open`", "n2", "dense")),
    ]
    assert [finding.message for finding in check_sensitivity({})] == [
        "makes each family of features null in turn: name some under `model.families`"
    ]
