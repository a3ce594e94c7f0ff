import copy
import json
import math
from datetime import timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replay.config import build_config, fingerprint, load_config, to_resolved_dict, to_short_dict
from replay.config.yaml.document import parse_yaml
from tests.config.examples import CONTRACT, small

FULL = {
    "version": 1,
    "traffic": {"path": "/d", "key": ["id"], "score": "s", "time": {"column": "ts"}, "segments": ["a", "b"]},
    "model": {
        "inputs": [
            {"name": "x", "features": ["a", "b"], "missing": {"a": 1, "*": 0}},
            {"name": "v", "dtype": "int64", "feature": "c", "vocabulary": "/v.json"},
        ],
        "families": {"f": ["a"], "g": ["b"]},
    },
    "checkpoints": {
        "p": {"path": "/p", "factory": "m:f", "kwargs": {"a": 1, "b": {"c": 2, "d": 3}}},
        "q": {"path": "/q"},
    },
    "baseline": "p",
    "output": "/o",
}


def changed(path, value):
    data = copy.deepcopy(FULL)
    here = data
    for part in path[:-1]:
        here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
    here[path[-1]] = value
    return build_config(data, "/base")


BASE = fingerprint(build_config(FULL, "/base"))


def test_it_is_a_sha256():
    assert len(BASE) == 64
    assert int(BASE, 16) > 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("output",), "/elsewhere"),
        (("engine",), {"reader": "spark", "chunk_rows": 7}),
        (("seed",), 0),  # the default, written out
        (("gates",), [{"variant": "p", "metric": "auc", "min": 0.5}]),
        (("diagnosis",), {"budget": 5}),
        (("scenarios",), {}),
        (("scenario_checkpoints",), "p"),
        (("sensitivity",), False),
        (("diff",), {"tolerance": {"rel": "1e-5", "abs": 1.0e-6}, "bucket": "60s"}),
        (("traffic", "key"), "id"),
        (("traffic", "time"), "ts"),
        (("traffic", "path"), "file:///d"),
        (("model", "families"), {"g": ["b"], "f": "a"}),
        (("checkpoints", "p", "kwargs"), {"b": {"d": 3, "c": 2}, "a": 1}),
        (("model", "inputs", 0, "missing"), {"a": "1.0", "*": 0.0}),
    ],
)
def test_what_changes_no_result(path, value):
    if path[-1] == "missing":  # 1 and 1.0 are told apart: an integer default may mean an index
        value = {"a": 1, "*": 0}
    assert fingerprint(changed(path, value)) == BASE


def test_the_order_of_checkpoints_does_not_count_with_a_baseline():
    reversed_order = dict(reversed(FULL["checkpoints"].items()))
    assert fingerprint(changed(("checkpoints",), reversed_order)) == BASE


def test_where_a_config_lies_does_not_count():
    assert fingerprint(build_config(FULL, "/somewhere/else")) == BASE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), 1),
        (("baseline",), "q"),
        (("traffic", "path"), "/e"),
        (("traffic", "where"), "a = 1"),
        (("traffic", "segments"), ["b", "a"]),
        (("traffic", "delta_version"), 3),
        (("traffic", "sample"), {"rate": 0.5}),
        (("diff",), {"bucket": "2min"}),
        (("traffic", "columns"), {"log_price": "ln(1 + price)"}),
        (("traffic", "columns"), {"log_price": "ln(2 + price)"}),
        (("traffic", "time"), {"column": "ts", "format": "yyyy-MM-dd"}),
        (("traffic", "time"), {"column": "ts", "unit": "s"}),
        (("diff",), {"tolerance": {"abs": 1e-7}}),
        (("model", "call"), "keyword"),
        (("diff",), {"tolerance": "auto"}),
        (("scenarios",), {"x": [{"op": "nulls", "features": "a"}]}),
        (("scenario_checkpoints",), ["q"]),
        (("sensitivity",), True),
        (("skew_matrix",), {"modules": {"m": ["p", "q"], "n": ["p"]}}),
        (("checkpoints", "r"), {"from": "p", "zero": True}),
        (("model", "families"), {"f": ["a"]}),
        (("model", "inputs", 0, "features"), ["b", "a"]),
        (("model", "inputs", 0, "missing"), {"a": 2, "*": 0}),
        (("model", "inputs", 0, "missing"), 0),
        (("model", "output"), {"transform": "sigmoid"}),
        (("checkpoints", "p", "kwargs"), {"a": 1}),
        (("checkpoints", "p", "sha256"), "a" * 64),
        (("checkpoints", "r"), {"path": "/r"}),
    ],
)
def test_what_decides_results(path, value):
    assert fingerprint(changed(path, value)) != BASE


@given(st.text(min_size=1), st.text(min_size=1))
def test_another_expression_is_another_config(one, other):
    prints = {fingerprint(changed(("traffic", "columns"), {"x": sql})) for sql in (one, other)}
    assert len(prints) == len({one, other})
    assert BASE not in prints


def test_the_order_of_defaults_counts():
    """The first match wins, so these two fill `ab` differently."""
    first, second = (
        build_config(small(model={"inputs": [{"name": "x", "features": "*", "missing": missing}]}), "/base")
        for missing in ({"a*": 1, "*b": 2}, {"*b": 2, "a*": 1})
    )
    assert fingerprint(first) != fingerprint(second)


MADE = {
    "p": {"path": "/p"},
    "q": {"path": "/q"},
    "mix": {"splice": {"a*": "p", "*b": "q"}},
    "ramp": {"route": {"p": 0.9, "q": 0.1}},
}
STEPS = [{"op": "nulls", "features": "a", "rate": 0.5}, {"op": "shuffle", "features": "b"}]
WHAT_IFS = {"x": STEPS, "y": [{"op": "clip", "features": "b", "min": 0, "rate": [0, 1]}]}
MATRIX = {"modules": {"m": ["p", "q"], "n": ["p", "q"]}, "limit": {"max": 0.1}}


def made(**sections):
    inputs = {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}]}
    return build_config(
        small(**{"model": inputs, "checkpoints": MADE, "scenarios": WHAT_IFS, "skew_matrix": MATRIX, **sections}),
        "/base",
    )


@pytest.mark.parametrize(
    "sections",
    [
        {"scenarios": dict(reversed(WHAT_IFS.items()))},
        {"checkpoints": {**MADE, "ramp": {"route": {"q": 0.1, "p": "0.9"}}}},
        {"scenarios": {**WHAT_IFS, "x": [{"op": "nulls", "features": ["a"], "rate": [0.5]}, STEPS[1]]}},
    ],
)
def test_other_ways_to_say_the_same(sections):
    assert fingerprint(made(**sections)) == fingerprint(made())


@pytest.mark.parametrize(
    "sections",
    [
        {"scenarios": {**WHAT_IFS, "x": STEPS[::-1]}},
        {"checkpoints": {**MADE, "mix": {"splice": {"*b": "q", "a*": "p"}}}},
        {"checkpoints": {**MADE, "ramp": {"route": {"p": 0.8, "q": 0.2}}}},
        {"skew_matrix": {**MATRIX, "modules": {"n": ["p", "q"], "m": ["p", "q"]}}},
        {"skew_matrix": {**MATRIX, "rest": "p"}},
    ],
)
def test_what_ifs_decide_results(sections):
    assert fingerprint(made(**sections)) != fingerprint(made())


def test_what_ifs_read_back():
    sections = {
        "traffic": {"path": "t", "key": "id", "score": "s", "time": "ts", "entity": "e"},
        "scenarios": {
            **WHAT_IFS,
            "late": [{"op": "stale", "features": "a", "lag": ["90s", "1500ms"], "window": {"start": "2026-11-20"}}],
            "own": [{"op": "my.py:Op", "features": "a", "kwargs": {"deep": [1, {"x": None}]}}],
            "swapped": [{"op": "swap", "features": "a", "with": "b"}],
        },
        "scenario_checkpoints": ["q", "mix"],
        "diff": {"tolerance": "auto"},
        "gates": [{"variant": "q/x", "metric": "auc", "max": 1, "bound": "high"}],
        "diagnosis": {"budget": 7},
    }
    config = made(**sections)
    again = build_config(json.loads(json.dumps(to_resolved_dict(config), allow_nan=False)), "/base")
    assert again == config
    assert fingerprint(again) == fingerprint(config)
    assert again.all_checkpoints == config.all_checkpoints
    short = to_short_dict(config)
    assert build_config(json.loads(json.dumps(short, allow_nan=False))) == config
    assert len(json.dumps(short)) < len(json.dumps(to_resolved_dict(config)))


def test_the_resolved_config_is_json_and_reads_back(write):
    config = load_config(write(CONTRACT))
    resolved = to_resolved_dict(config)
    text = json.dumps(resolved, allow_nan=False)
    assert "source" not in resolved
    assert resolved["diff"] == {"tolerance": {"abs": 1e-6, "rel": 1e-5}, "bucket": "1min", "worst_rows": 100}
    assert resolved["traffic"]["window"] == {"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T12:00:00Z"}
    again = build_config(json.loads(text))
    assert again.base_dir == config.base_dir
    assert again == config.model_copy(update={"source": None})
    assert fingerprint(again) == fingerprint(config)
    assert build_config(parse_yaml(yaml.safe_dump(resolved, sort_keys=False)).data, config.base_dir) == again


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_defaults_that_are_not_finite_read_back(value):
    config = build_config(small(model={"inputs": [{"name": "x", "features": "a", "missing": {"a": value}}]}), "/base")
    text = json.dumps(to_resolved_dict(config), allow_nan=False)
    again = build_config(json.loads(text), "/base")
    assert repr(again.model.inputs[0].missing) == repr({"a": value})
    assert fingerprint(again) == fingerprint(config)


NAME = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
SCALAR = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5)
PLAIN = st.recursive(
    SCALAR | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(
    names=st.lists(NAME, min_size=3, max_size=6, unique=True),
    kwargs=st.dictionaries(NAME, PLAIN, max_size=3),
    missing=st.floats(allow_nan=False, width=32) | st.booleans(),
    bucket=st.timedeltas(timedelta(microseconds=1), timedelta(days=40)),
    start=st.datetimes(),
    seed=st.integers(),
)
def test_any_config_reads_back(names, kwargs, missing, bucket, start, seed):
    key, score, *features = names
    data = small(
        traffic={"path": "p", "key": [key], "score": score, "time": "event.time", "window": {"start": start}},
        model={"inputs": [{"name": "x", "features": features, "missing": {"*": missing}}], "families": {"f": features}},
        checkpoints={"prod-1.v2": {"path": "x", "factory": "m:f", "kwargs": kwargs}},
        diff={"bucket": bucket},
        seed=seed,
    )
    config = build_config(data, "/base")
    text = json.dumps(to_resolved_dict(config))
    again = build_config(json.loads(text), "/base")
    assert fingerprint(again) == fingerprint(config)
    assert again.model == config.model
    assert again.traffic == config.traffic
    assert again.diff == config.diff


def test_another_table_that_a_scenario_names_decides_results():
    step = {"op": "from", "source": "served", "features": "a"}
    sources = {"served": {"path": "/s", "key": "id", "columns": {"a*": "x*", "*": "f.*"}}}

    def of(**keys):
        given = {"served": {**sources["served"], **keys}, "other": {"path": "/o"}}
        return fingerprint(made(scenarios={"x": [step]}, sources=given))

    base = of()
    assert fingerprint(made(scenarios={"x": [step]}, sources=sources)) == base
    assert of(path="/t") != base
    assert of(columns={"*": "f.*", "a*": "x*"}) != base
    assert of(key={"id": "their_id"}) != base
    assert of(key=["id"]) == base
