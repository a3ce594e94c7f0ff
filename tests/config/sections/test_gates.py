import pytest
from pydantic import ValidationError

from replay.config import AuditGate, ConfigError, Gate, ReplayConfig, build_config
from replay.config.messages.finding import render_path
from tests.config.examples import small

NULLS = {"op": "nulls", "features": "a"}
TRAFFIC = {"path": "t", "key": "id", "score": "s", "segments": ["surface", "country"]}


@pytest.mark.parametrize(
    "limits",
    [{"max": 0.0}, {"min": -1}, {"min": 0.5, "max": 0.5}, {"min": 0.5, "bound": "low"}, {"max": 0.5, "bound": "high"}],
)
def test_sound(limits):
    assert list(Gate.check({"variant": "prod", "metric": "auc", **limits})) == []
    assert Gate(variant="prod", metric="auc", **limits).slice is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "give `max`, `min` or both: the values that pass"),
        ({"bound": "high"}, "give `max`, `min` or both: the values that pass"),
        ({"min": 0.75, "max": 0.5}, "min 0.75 is above max 0.5: nothing can pass"),
    ],
)
def test_limits_that_nothing_or_everything_passes(limits, message):
    found = Gate.check({"variant": "prod", "metric": "auc", **limits})
    assert [(finding.path, finding.message) for finding in found] == [((), message)]
    with pytest.raises(ValidationError, match=message):
        Gate(variant="prod", metric="auc", **limits)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"max": 0.5, "bound": "low"},
            "`bound: low` with `max` passes the more easily the less data there is: use `bound: high` with `max`, or "
            "leave `bound` out",
        ),
        (
            {"min": 0.5, "bound": "high"},
            "`bound: high` with `min` passes the more easily the less data there is: use `bound: low` with `min`, or "
            "leave `bound` out",
        ),
    ],
)
@pytest.mark.parametrize("also", [{}, {"min": 0.25, "max": 0.75}])
def test_a_bound_that_less_data_passes_more_easily_is_refused(limits, message, also):
    gate = {"variant": "prod", "metric": "auc", **also, **limits}
    assert [(finding.path, finding.message) for finding in Gate.check(gate)] == [(("bound",), message)]
    with pytest.raises(ValidationError, match="less data"):
        Gate(**gate)


def test_what_has_a_wrong_shape_is_skipped():
    assert list(Gate.check({"min": "x", "max": [1]})) == []
    assert list(Gate.check({"min": 10**400, "max": 1})) == []


def found(**sections):
    checkpoints = {"prod": {"path": "p"}, "new": {"path": "n"}}
    model = {"inputs": [{"name": "x", "features": "a", "missing": 0}]}
    data = small(**{"checkpoints": checkpoints, "traffic": TRAFFIC, "model": model, **sections})
    return [(finding.path, finding.message) for finding in ReplayConfig.check(data)]


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


AUDITS = {"sources": {"served": {"path": "o", "key": "id"}}, "audits": {"logging": {"against": "served"}}}
ON_AUDIT = {"audit": "logging", "metric": "value_mismatch_rate", "max": 0}


def test_a_gate_on_an_audit():
    config = ReplayConfig.model_validate(
        small(**AUDITS, gates=[{**ON_AUDIT, "features": "core"}, {"variant": "prod", "metric": "auc", "min": 0}])
    )
    assert [type(gate) for gate in config.gates] == [AuditGate, Gate]
    assert config.gates[0].features == ("core",)


@pytest.mark.parametrize(
    ("gate", "path", "message"),
    [
        ({**ON_AUDIT, "audit": "logg1ng"}, ("audit",), "`logg1ng` is not under `audits`; did you mean `logging`?"),
        ({**ON_AUDIT, "audit": "x"}, ("audit",), "`x` is not under `audits`: it has logging"),
        ({**ON_AUDIT, "min": 1}, (), "min 1 is above max 0: nothing can pass"),
    ],
)
def test_mistakes_of_gates_on_audits(gate, path, message):
    with pytest.raises(ConfigError) as raised:
        build_config(small(**AUDITS, gates=[gate]))
    assert [(one.path, one.message) for one in raised.value.problems] == [(render_path(("gates", 0, *path)), message)]


def test_a_key_of_the_other_kind_of_gate():
    with pytest.raises(ConfigError) as raised:
        build_config(small(**AUDITS, gates=[{**ON_AUDIT, "against": "online"}]))
    assert [(one.path, one.message) for one in raised.value.problems] == [
        (
            "gates[0].against",
            "is a key of another kind of entry: this one takes audit, metric, features, slice, max, min, min_rows, "
            "bound",
        )
    ]
