import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from replay.config import ConfigError, build_config, to_resolved_dict
from replay.config.schema import config_schema, render_schema
from replay.config.yaml.document import parse_yaml
from replay.config.yaml.overrides import apply_overrides
from tests.config.examples import CONTRACT, SMALL

FILE = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.json"


@pytest.fixture(scope="module")
def validator():
    Draft202012Validator.check_schema(config_schema())
    return Draft202012Validator(config_schema())


def test_the_file_is_up_to_date():
    assert FILE.read_text() == render_schema(), "run `python -m replay.config.schema > schemas/config.schema.json`"


def test_the_module_writes_the_file():
    done = subprocess.run([sys.executable, "-m", "replay.config.schema"], capture_output=True, check=True)
    assert done.stdout == FILE.read_bytes()


SOUND = [
    "seed=1",
    "traffic.key=id",
    "traffic.key=[a, b]",
    "traffic.time=event_time",
    "traffic.time={column: ts, unit: ms}",
    "traffic.segments=surface",
    "traffic.delta_timestamp=2026-11-20 10:00:00",
    "traffic={table: a.b, key: id, score: s, time: t, window: {start: 2026-11-20}}",
    "traffic.sample={rate: 1e-3, by: id}",
    "model.call=dict",
    "model.inputs[0].features=I*",
    "model.inputs[0].missing=0.5",
    "model.inputs[0].missing={a: 1, '*': -1e-3}",
    "model.inputs[0]={name: x, dtype: int64, feature: c, vocabulary: v.json, unknown: 0, missing: none}",
    "model.inputs[0]={name: x, dtype: int64, feature: c, hash: {buckets: 10, seed: 3}, missing: 0}",
    "model.inputs[0]={name: x, feature: c, length: 50, pad: 0}",
    "model.output.select=[ctr, 1]",
    "model.output.select=ctr",
    "model.output.transform=sigmoid",
    "model.output.transform=[complement, logit]",
    "model.output.scale=100",
    "model.output.clip={min: 0.001, max: 0.999}",
    "model.families.all=a",
    "checkpoints.prod.factory=my_models.py:build",
    f"checkpoints.prod.sha256={'aB' * 32}",
    "checkpoints={a-1.v2: {path: x}}",
    "baseline=prod",
    "diff.tolerance={abs: 0, rel: 1e-6}",
    "diff.bucket=1.5h",
    "diff.tolerance=auto",
    "checkpoints.low={from: prod, cast: bfloat16}",
    "checkpoints.low={from: prod, zero: true, params: 'head.*'}",
    "checkpoints.mix={splice: {'query.*': prod, '*': prod}, structure: prod}",
    "checkpoints.ramp={route: {prod: 1}, by: id, salt: a}",
    "scenarios.x=[{op: shuffle, features: a}]",
    "scenarios.x=[{op: shuffle, features: [a, b], rate: [0, 0.5, 1], where: a > 1}]",
    "scenarios.x=[{op: 'my.py:Op', features: a, kwargs: {b: [1]}}]",
    "scenarios.x=[{op: swap, features: a, with: b}, {op: constant, features: a, value: x}]",
    "scenario_checkpoints=prod",
    "scenario_checkpoints=[prod]",
    "sensitivity=false",
    "skew_matrix={modules: {q: prod, i: [prod]}, rest: prod, limit: {metric: ne_increase, max: 0.1}}",
    "gates=[{variant: prod, metric: auc, min: 0.7, bound: low, min_rows: 10}]",
    "sources={served: {path: o, key: [id, item]}, other: {table: a.b, key: {id: req}, value_status: {7: late}}}",
    "sources={backfill: {path: o, key: id, columns: {'*': 'features.*'}, value_time: '{}_ts', value_status: '{}_st'}}",
    "features={value_time: '{}_ts', core: {share: 0.9}}",
    "features={core: ['I*', a]}",
    "diagnosis={false_alarms: 0.01, budget: 10}",
    "engine.device=cuda",
]
WRONG = [
    "version=2",
    "trafic={}",
    "base_dir=[x]",
    "source=x",
    "output=",
    "traffic.scroe=x",
    "traffic.key=[]",
    "traffic.key=5",
    "traffic.time={unit: ms}",
    "traffic.time={column: ts, unit: msec}",
    "traffic.sample.rate=0",
    "traffic.sample.rate=1.5",
    "traffic.sample.by=id",
    "traffic.delta_version=-1",
    "traffic.window.start=5",
    "model.inputs=[]",
    "model.inputs[0].dtype=float",
    "model.inputs[0].length=0",
    "model.inputs[0].missing=[1]",
    "model.inputs[0].missing={a: [1]}",
    "model.inputs[0].hash={buckets: 0}",
    "model.output.transform=tanh",
    "model.output.transform=[]",
    "model.output.transform=[sigmoid, tanh]",
    "model.output.scale=big",
    "model.output.clip.min=low",
    "model.output.select=1.5",
    "model.families.f=[]",
    "checkpoints={}",
    "checkpoints={my model: {path: x}}",
    "checkpoints.prod=x",
    "checkpoints.prod.sha256=9f2c",
    "checkpoints.prod.factory=build",
    "diff.bucket=60",
    "diff.bucket=1 week",
    "diff.tolerance.abs=-1",
    "diff.tolerance=atuo",
    "checkpoints.low={from: prod, cast: int4}",
    "checkpoints.low={from: prod, zero: 2}",
    "checkpoints.low={from: prod, zero: true, path: x}",
    "checkpoints.mix={splice: {}}",
    "checkpoints.ramp={route: {prod: 0}}",
    "scenarios.x=[]",
    "scenarios.x={op: shuffle, features: a}",
    "scenarios.x/y=[{op: shuffle, features: a}]",
    "scenarios.x=[{features: a}]",
    "scenarios.x=[{op: shuffle, features: a, rate: 2}]",
    "scenarios.x=[{op: shuffle, features: a, rate: []}]",
    "scenarios.x=[{op: stale, features: a, lag: 3}]",
    "sensitivity=5",
    "skew_matrix={modules: {q: prod}}",
    "gates=[{variant: prod, metric: auc, min: x}]",
    "gates=[{variant: prod, min: 1}]",
    "diagnosis={false_alarms: 0}",
    "engine.chunk_rows=0",
    "seed=1.5",
]


def loads(data):
    try:
        build_config(data)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("override", SOUND)
def test_takes_what_the_loader_takes(validator, override):
    document = apply_overrides(parse_yaml(SMALL), [override])
    assert document.findings == ()
    assert loads(document.data)
    assert [error.message for error in validator.iter_errors(document.data)] == []


@pytest.mark.parametrize("override", WRONG)
def test_refuses_what_the_loader_refuses(validator, override):
    document = apply_overrides(parse_yaml(SMALL), [override])
    assert document.findings == ()
    assert not loads(document.data)
    assert not validator.is_valid(document.data)


def test_takes_the_contract(validator):
    assert list(validator.iter_errors(parse_yaml(CONTRACT).data)) == []


def test_takes_a_resolved_config(validator):
    resolved = to_resolved_dict(build_config(parse_yaml(CONTRACT).data))
    assert [error.message for error in validator.iter_errors(json.loads(json.dumps(resolved)))] == []


def test_every_key_is_described():
    """Completion shows the description; a reference alone would show its target's."""
    schema = config_schema()
    sections = [schema, *schema["$defs"].values()]
    missing = [
        (section.get("description"), key)
        for section in sections
        for key, value in section["properties"].items()
        if "description" not in value and "description" not in schema["$defs"].get(str(value.get("$ref"))[8:], {})
    ]
    assert missing == []
    assert not {"title", "examples"} & set(schema["$defs"]["Input"])
