from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.config import DerivedConfig, Gate, load_config, variant_names
from replay.config.messages.finding import render_path
from replay.config.yaml.document import parse_yaml
from replay.config.yaml.overrides import apply_overrides

TEXT = """\
traffic:
  path: data
  key: id
  window:
    start: 2026-11-20
model:
  inputs:
    - name: dense
      dtype: float32
      missing: {features.ctr: 1}
    - name: sparse
checkpoints:
  candidate.v2: {path: a}
diff:
"""
KEY = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6)


def apply(*overrides):
    return apply_overrides(parse_yaml(TEXT), overrides)


def message(override):
    document = apply(override)
    assert document.data == parse_yaml(TEXT).data
    (finding,) = document.findings
    assert finding.path == ()
    assert finding.message.startswith(f"--set {override}: ")
    return finding.message.removeprefix(f"--set {override}: ")


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seed=7", ("seed",), 7),
        ("traffic.window.start=2026-11-20T10:00:00Z", ("traffic", "window", "start"), "2026-11-20T10:00:00Z"),
        ("traffic.where=surface = 'home' AND a=1", ("traffic", "where"), "surface = 'home' AND a=1"),
        ("traffic.key=[a, b]", ("traffic", "key"), ["a", "b"]),
        ("traffic.window=", ("traffic", "window"), None),
        ("traffic.window=null", ("traffic", "window"), None),
        ("traffic.sample={rate: 1e-3}", ("traffic", "sample"), {"rate": 0.001}),
        ("model.inputs[0].dtype=int64", ("model", "inputs", 0, "dtype"), "int64"),
        ("model.inputs.1.dtype=int64", ("model", "inputs", 1, "dtype"), "int64"),
        ("model.inputs[1]={name: x}", ("model", "inputs", 1), {"name": "x"}),
        ("model.inputs[0].missing['features.ctr']=2", ("model", "inputs", 0, "missing", "features.ctr"), 2),
        ('model.inputs[0].missing["a=b"]=2', ("model", "inputs", 0, "missing", "a=b"), 2),
        ("model.inputs[0].missing.features.ctr=2", ("model", "inputs", 0, "missing", "features.ctr"), 2),
        ("model.inputs[0].missing.*=2", ("model", "inputs", 0, "missing", "*"), 2),
        ("checkpoints.candidate.v2.path=b", ("checkpoints", "candidate.v2", "path"), "b"),
        ("checkpoints.candidate.v3.path=b", ("checkpoints", "candidate", "v3", "path"), "b"),
        ("checkpoints['candidate.v3'].path=b", ("checkpoints", "candidate.v3", "path"), "b"),
        ("checkpoints['candidate']['v2']=b", ("checkpoints", "candidate", "v2"), "b"),
        ("diff.tolerance.abs=1e-3", ("diff", "tolerance", "abs"), 0.001),
        ("engine.reader=spark", ("engine", "reader"), "spark"),
        ("checkpoints.2024.path=x", ("checkpoints", "2024", "path"), "x"),
    ],
)
def test_sets(override, path, value):
    document = apply(override)
    here = document.data
    for part in path:
        here = here[part]
    assert here == value
    assert document.findings == ()
    assert document.origins.find(path) == (None, f"--set {override}")
    assert document.origins.find(("traffic", "path")) == (2, None)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "seed",
            "expected KEY=VALUE, such as traffic.window.start=2026-11-20T10:00:00Z or model.inputs[0].dtype=int64",
        ),
        (
            "=5",
            "expected KEY=VALUE, such as traffic.window.start=2026-11-20T10:00:00Z or model.inputs[0].dtype=int64",
        ),
        (
            "a..b=5",
            "expected KEY=VALUE, such as traffic.window.start=2026-11-20T10:00:00Z or model.inputs[0].dtype=int64",
        ),
        (
            "a[x]=5",
            "expected KEY=VALUE, such as traffic.window.start=2026-11-20T10:00:00Z or model.inputs[0].dtype=int64",
        ),
        (
            "traffic.key.x=1",
            "`traffic.key` is the value 'id', not a section: set `traffic.key` itself",
        ),
        (
            "traffic.key[0]=1",
            "`traffic.key` is the value 'id', not a section: set `traffic.key` itself",
        ),
        (
            "model.inputs[2].dtype=int8",
            "`model.inputs` has entries [0] to [1], not [2]: to add to a list, set it whole",
        ),
        (
            "model.inputs.sparse.dtype=int8",
            "`model.inputs` is a list: expected an index such as [0], found `sparse`; the one named sparse is [1]",
        ),
        (
            "model.inputs.dtype=int8",
            "`model.inputs` is a list: expected an index such as [0], found `dtype`",
        ),
        (
            "traffic[0]=1",
            "`traffic` is a mapping, not a list: expected a key, found [0]",
        ),
        (
            "seed=!!python/name:os.system x",
            "the tag !!python/name:os.system is not allowed: "
            "a config holds plain data (text, numbers, true, false, lists, mappings)",
        ),
        (
            "traffic.where='a' = b",
            "not valid YAML: expected '<document start>', but found '<scalar>': put the value in quotes",
        ),
    ],
)
def test_what_cannot_be_set(override, expected):
    assert message(override) == expected


def test_the_last_one_wins_and_each_keeps_its_origin():
    document = apply("traffic.window.end=1", "traffic.window={start: 2}", "traffic.window.end=3", "seed=1", "seed=2")
    assert document.data["traffic"]["window"] == {"start": 2, "end": 3}
    assert document.data["seed"] == 2
    find = document.origins.find
    assert find(("traffic", "window", "start")) == (None, "--set traffic.window={start: 2}")
    assert find(("traffic", "window", "end")) == (None, "--set traffic.window.end=3")
    assert find(("traffic", "window")) == (None, "--set traffic.window={start: 2}")
    assert find(("seed",)) == (None, "--set seed=2")


def test_a_mapping_that_was_made_belongs_to_the_option():
    document = apply("diff.tolerance.abs=1", "diff.tolerance.rel=2")
    assert document.origins.find(("diff", "tolerance")) == (None, "--set diff.tolerance.abs=1")
    assert document.origins.find(("diff",)) == (None, "--set diff.tolerance.abs=1")


def test_the_document_is_not_changed():
    document = parse_yaml(TEXT)
    apply_overrides(document, ["traffic.path=other", "model.inputs[0]=1"])
    assert document.data == parse_yaml(TEXT).data


def test_setting_a_value_settles_doubts_about_it():
    document = parse_yaml("{a: {b: no}, c: !x 1}")
    assert apply_overrides(document, ["a.b=false"]).doubts == {}
    assert apply_overrides(document, ["a.b=yes"]).doubts.keys() == {("a", "b")}
    assert apply_overrides(document, ["c=1"]).broken == frozenset()


@given(st.lists(KEY, min_size=1, max_size=4), st.integers())
def test_paths_are_read_as_messages_write_them(keys, value):
    document = apply_overrides(parse_yaml("{}"), [f"{render_path(tuple(keys))}={value}"])
    assert document.findings == ()
    here = document.data
    for key in keys:
        assert list(here) == [key]
        here = here[key]
    assert here == value


@given(st.lists(st.integers(0, 2), min_size=1, max_size=4), st.booleans())
def test_indices_are_read_as_messages_write_them(indices, bare):
    data = 0
    for _ in indices:
        data = [data, data, data]
    text = "".join(f".{index}" if bare else f"[{index}]" for index in indices)
    here = apply_overrides(parse_yaml(f"a: {data}"), [f"a{text}=7"]).data["a"]
    for index in indices:
        here = here[index]
    assert here == 7


WHAT_IFS = """\
version: 1
traffic: {path: t, key: id, score: s, time: ts, entity: user}
model: {inputs: [{name: x, features: [a, b], missing: 0}], families: {f: [a]}}
checkpoints:
  v1: {path: 1.pt}
  v2: {path: 2.pt}
scenarios:
  dose: [{op: nulls, families: f, rate: 0.5}, {op: stale, features: b, lag: 1h}]
gates:
  - {variant: v1/dose, metric: auc_drop, max: 0.1}
output: out
"""


def test_what_ifs_are_set_as_all_else_is(write):
    config = load_config(
        write(WHAT_IFS),
        [
            "checkpoints.low={from: v1, cast: int8}",
            "checkpoints.low.params=[head.*]",
            "checkpoints.ramp.route={v1: 0.5, v2: 0.5}",
            "scenarios.dose[0].rate=[0.1, 0.2]",
            "scenarios.dose.1.lag=3h",
            "scenarios.more=[{op: shuffle, features: a}]",
            "scenario_checkpoints=[v2, low]",
            "gates[0].variant=low/dose@0.2",
            "gates.0.max=",
            "gates[0].min=-1e-3",
            "skew_matrix.modules={q: [v1, v2], i: [v1]}",
            "skew_matrix.limit.max=0.5",
            "sensitivity=true",
            "diff.tolerance=auto",
            "diagnosis.budget=7",
        ],
    )
    assert config.checkpoints["low"] == DerivedConfig(source="v1", cast="int8", params=("head.*",))
    assert variant_names(config) == (
        "v1", "v2", "low", "ramp", "q.v2+i.v1",
        "v2/dose@0.1", "v2/dose@0.2", "v2/more", "v2/null.f", "low/dose@0.1", "low/dose@0.2", "low/more", "low/null.f",
    )  # fmt: skip
    assert config.gates == (Gate(variant="low/dose@0.2", metric="auc_drop", min=-1e-3),)
    assert config.skew_matrix.limit.max == 0.5
    assert config.scenarios["dose"][1].arguments.older_by == timedelta(hours=3)
    assert (config.diff.tolerance, config.diagnosis.budget) == ("auto", 7)


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("scenarios.dose[0].rate=2", "scenarios.dose[0].rate: found 2, expected at most 1"),
        (
            "scenarios.dose[2].rate=0",
            "`scenarios.dose` has entries [0] to [1], not [2]: to add to a list, set it whole",
        ),
        (
            "gates[0].variant=v2/dose",
            "gates[0].variant: `v2/dose` is no variant of this config; did you mean `v1/dose`?",
        ),
        (
            "checkpoints.low={from: v3, zero: true}",
            "checkpoints.low.from: `v3` is not under `checkpoints`: it has v1, v2",
        ),
        (
            "diff.tolerance=atuo",
            "diff.tolerance: found 'atuo', expected auto, or a mapping with the keys abs, rel; did you mean `auto`?",
        ),
    ],
)
def test_what_an_option_breaks_is_told_with_the_option(problems, option, problem):
    (found,) = problems(WHAT_IFS, [option])
    shown = f"--set {option}"
    assert found in (f"{problem} (from {shown})", f"{shown}: {problem}")


@pytest.mark.parametrize(
    ("override", "underlined"),
    [
        ("diff.bucket", "diff.bucket"),
        ("diff=[1, }", "}"),
        ("model.inputs.x=3", "model.inputs.x"),
    ],
)
def test_what_cannot_be_applied_is_underlined(override, underlined):
    document = apply_overrides(parse_yaml("model: {inputs: [{name: a}]}"), [override])
    (finding,) = document.findings
    assert finding.excerpt.text == f"--set {override}"
    assert finding.excerpt.text[finding.excerpt.start : finding.excerpt.end] == underlined
