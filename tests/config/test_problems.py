import pytest

from tests.config.examples import replaced

# Every wrong line ends in `# !`, with the place of the problem.
WRONG = """\
version: 2                                  # ! version

trafic:                                     # ! trafic
  path: data/traffic
  keys: [id, id]                            # ! trafic.keys
  scroe: online_score                       # ! trafic.scroe
  time: [ts]                                # ! trafic.time
  delta_version: -1                         # ! trafic.delta_version
  delta_timestamp: yesterday                # ! trafic.delta_timestamp
  label:                                    # ! trafic.label
    - label
  window:                                   # ! trafic.window
    start: 2026-11-20T12:00:00Z
    end: 2026-11-20T10:00:00Z
  sample:                                   # ! trafic.sample.rate
    by: id
model:
  inputs:
    - name: dense
      dtype: float                          # ! model.inputs[0].dtype
      features:
        - a
        - b
        - a                                 # ! model.inputs[0].features[2]
      missing:
        a: 0
        c: 0                                # ! model.inputs[0].missing.c
        b: [1]                              # ! model.inputs[0].missing.b
    - dtype: int64                          # ! model.inputs[1].name
      feature: c
    - 7                                     # ! model.inputs[2]
    - {name: dense, feature: d, pad: none}  # ! model.inputs[3].name; model.inputs[3].pad
  output:
    select: true                            # ! model.output.select
  familys: {f: [zzz]}                       # ! model.familys; model.familys.f
checkpoints:
  prod: ckpt/prod.pt2                       # ! checkpoints.prod
  new prod:                                 # ! checkpoints['new prod']
    path: x
  other:
    path: 5                                 # ! checkpoints.other.path
    factory: build                          # ! checkpoints.other.factory
    kwargs:
      flag: no                              # ! checkpoints.other.kwargs.flag
baseline: prodd                             # ! baseline
diff:
  tolerance: {abs: -1, rel: x}              # ! diff.tolerance.abs; diff.tolerance.rel
  bucket: 60                                # ! diff.bucket
  buckets: 5                                # ! diff.buckets
gates: 5                                    # ! gates
seed: 1
seed: 2                                     # ! seed
output: !!python/name:os.getcwd x           # ! output
"""


def test_every_problem_at_once_each_with_its_line(problems):
    expected = [
        (number, path)
        for number, line in enumerate(WRONG.splitlines(), start=1)
        if "# ! " in line
        for path in line.split("# ! ")[1].split("; ")
    ]
    found = [(int(line), path) for line, path in (text.split(": ")[:2] for text in problems(WRONG))]
    assert sorted(found) == sorted(expected)
    assert [line for line, _ in found] == sorted(line for line, _ in found)


KEYS_OF_A_CHECKPOINT = "path (required), factory, kwargs, sha256, weights, prefix, operators, model"
DTYPES = "float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool, string"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  score:",
            "  scroe:",
            "5: traffic.scroe: unknown key; did you mean `score`?",
        ),
        (
            "output: out",
            "output: out\nzzz: 1",
            "14: zzz: unknown key; expected one of "
            "version, traffic, model, checkpoints, baseline, scenarios, scenario_checkpoints, sensitivity, "
            "skew_matrix, sources, features, audits, diff, gates, diagnosis, engine, seed, output, base_dir",
        ),
        (
            "output: out",
            "output: out\ntolerance: {abs: 1}",
            "14: tolerance: unknown key here: it belongs under `diff`",
        ),
        (
            "  key: id",
            "  key: id\n  vocabulary: x",
            "5: traffic.vocabulary: unknown key here: it belongs under `model.inputs[...]`",
        ),
        (
            "  key: id",
            "  key: id\n  sha256: x",
            "5: traffic.sha256: unknown key here: it belongs under `checkpoints.<name>`",
        ),
        (
            "output: out",
            "output: out\nbase_line: /tmp",
            "14: base_line: unknown key; did you mean `baseline`?",
        ),
        (
            "  score: online_score\n",
            "",
            "2: traffic.score: required key is missing: what online answered",
        ),
        (
            "version: 1\n",
            "",
            "1: version: required key is missing: write `version: 1`",
        ),
        (
            "    path: ckpt/prod.pt2",
            "    weights: model",
            "11: checkpoints.prod.path: required key is missing: "
            "file, or directory of sharded safetensors: a path, relative to the config file, or a URL "
            "(`s3://`, `gs://`, `abfss://`, `hdfs://`)",
        ),
        (
            "output: out",
            "output:",
            "13: output: required key is missing: directory for what a run leaves, on a disk or an object store "
            "(`s3://`, `gs://`, ...); "
            "local paths are relative to the config file",
        ),
        ("version: 1", "version: '1'", "1: version: found '1', expected 1, the only version of this file's layout"),
        ("  key: id", "  key: 5", "4: traffic.key: found 5, expected a list"),
        ("  key: id", "  key: []", "4: traffic.key: found an empty list, expected at least one entry"),
        ("  key: id", "  key: [5]", "4: traffic.key[0]: found 5, expected text: put it in quotes"),
        ("  key: id", "  key: ['']", "4: traffic.key[0]: found an empty text, expected text"),
        ("score: online_score", "score: [a, b]", "5: traffic.score: found a list, expected text"),
        ("score: online_score", "score: true", "5: traffic.score: found true, expected text: put it in quotes"),
        ("  key: id", "  key: id\n  delta_version: x", "5: traffic.delta_version: found 'x', expected a whole number"),
        (
            "  key: id",
            "  key: id\n  delta_version: 1.5",
            "5: traffic.delta_version: found 1.5, expected a whole number",
        ),
        ("  key: id", "  key: id\n  delta_version: true", "5: traffic.delta_version: found true, expected a number"),
        ("  key: id", "  key: id\n  sample: {rate: 1%}", "5: traffic.sample.rate: found '1%', expected a number"),
        ("  key: id", "  key: id\n  sample: {rate: 0}", "5: traffic.sample.rate: found 0, expected more than 0"),
        ("  key: id", "  key: id\n  sample: {rate: 2}", "5: traffic.sample.rate: found 2, expected at most 1"),
        (
            "  key: id",
            "  key: id\n  sample: {rate: .nan}",
            "5: traffic.sample.rate: found nan, expected a finite number",
        ),
        (
            "  key: id",
            "  key: id\n  sample: 0.1",
            "5: traffic.sample: found 0.1, expected a mapping with the keys rate (required), by",
        ),
        (
            "  key: id",
            "  key: id\n  time: 5",
            "5: traffic.time: found 5, expected a column, or {column: ts, unit: ms}",
        ),
        (
            "  key: id",
            "  key: id\n  time: {column: ts, unit: msec}",
            "5: traffic.time.unit: found 'msec', expected one of s, ms, us, ns; did you mean `ms`?",
        ),
        (
            "      features: [a, b]",
            "      features: [a, b]\n      dtype: float",
            f"10: model.inputs[0].dtype: found 'float', expected one of {DTYPES}; did you mean `float64`?",
        ),
        (
            "      features: [a, b]",
            "      features: [a, b]\n      missing: [0, 0]",
            "10: model.inputs[0].missing: found a list, expected one value: a number, true, false or text",
        ),
        (
            "      features: [a, b]",
            "      features: [a, b]\n      missing: {a: {b: 1}}",
            "10: model.inputs[0].missing.a: found a mapping, expected one value: a number, true, false or text",
        ),
        (
            "      features: [a, b]",
            "      features: [a, b]\n      missing: {a: }",
            "10: model.inputs[0].missing.a: found nothing, expected one value: a number, true, false or text",
        ),
        (
            "checkpoints:\n",
            "  output: {select: [a, 1.5]}\ncheckpoints:\n",
            "10: model.output.select: found a list, expected an index, a key, or a list of them, such as 0 or [ctr, 1]",
        ),
        (
            "checkpoints:\n",
            "  families: [a]\ncheckpoints:\n",
            "10: model.families: found a list, expected a mapping (name: value)",
        ),
        (
            "  inputs:\n    - name: x\n      features: [a, b]",
            "  inputs: []",
            "7: model.inputs: found an empty list, expected at least one entry",
        ),
        (
            "  prod:\n    path: ckpt/prod.pt2",
            "  prod: ckpt/prod.pt2",
            f"11: checkpoints.prod: found 'ckpt/prod.pt2', expected a mapping with the keys {KEYS_OF_A_CHECKPOINT}",
        ),
        (
            "  prod:\n    path: ckpt/prod.pt2",
            "  prod:",
            f"11: checkpoints.prod: found nothing, expected a mapping with the keys {KEYS_OF_A_CHECKPOINT}",
        ),
        (
            "checkpoints:\n  prod:\n    path: ckpt/prod.pt2",
            "checkpoints: {}",
            "10: checkpoints: found an empty mapping, expected at least one entry",
        ),
        (
            "  prod:",
            "  prod/new:",
            "11: checkpoints.prod/new: found 'prod/new', "
            "expected a name of letters, digits and _ . + - (it becomes a column)",
        ),
        (
            "    path: ckpt/prod.pt2",
            "    path: x\n    factory: my_models",
            "13: checkpoints.prod.factory: found 'my_models', expected `module:function` or `file.py:function`",
        ),
        (
            "    path: ckpt/prod.pt2",
            "    path: x\n    sha256: 9f2c",
            "13: checkpoints.prod.sha256: found '9f2c', expected the 64 hexadecimal digits of a sha256",
        ),
        ("output: out", "output: out\nengine: {chunk_rows: 0}", "14: engine.chunk_rows: found 0, expected at least 1"),
        ("output: out", "output: out\ndiff: {bucket: 0s}", "14: diff.bucket: found '0s', expected more than 0 seconds"),
        (
            "output: out",
            "output: out\ndiff: {tolerance: {abs: .inf}}",
            "14: diff.tolerance.abs: found inf, expected a finite number",
        ),
    ],
)
def test_one_mistake_gives_one_problem(problems, old, new, expected):
    assert problems(replaced(old, new)) == [expected]


# The same for what-ifs: every wrong line ends in `# !`, with the places of its problems.
WRONG_WHAT_IFS = """\
version: 1
traffic: {path: t, key: id, score: s, time: ts, segments: [surface]}
model:
  inputs:
    - {name: x, features: [a, b], missing: 0}
    - {name: v, feature: vec}
  families: {ab: [a, b], vec: [vec]}
checkpoints:
  v1: {path: 1.pt}
  v2: {path: 2.pt}
  low:
    from: v3                                # ! checkpoints.low.from
    cast: bf16                              # ! checkpoints.low.cast
    params: ["*"]
  both:                                     # ! checkpoints.both
    from: v1
    zero: true
    noise: 0.1
  self: {from: self, zero: true}            # ! checkpoints.self.from
  loop1: {from: loop2, zero: true}          # ! checkpoints.loop1
  loop2: {from: loop1, zero: true}          # ! checkpoints.loop2
  typo:
    splcie: {"*": v1}                       # ! checkpoints.typo.splcie
  mix:
    splice:
      "*": v1
      "item.*": ramp                        # ! checkpoints.mix.splice['item.*']; checkpoints.mix.splice['item.*']
    struct: v1                              # ! checkpoints.mix.struct
  ramp:
    route: {v1: 0.5, v2: 0.4}               # ! checkpoints.ramp.route
    slat: a                                 # ! checkpoints.ramp.slat
baseline: ramp
scenarios:
  bad:
    - op: nulls
      features:
        - a
        - aa                                # ! scenarios.bad[0].features[1]
      families:
        - vec                               # ! scenarios.bad[0].families[0]
        - ba                                # ! scenarios.bad[0].families[1]
      rate: [0.5, 2]                        # ! scenarios.bad[0].rate[1]
      value: 3                              # ! scenarios.bad[0].value
    - {op: constant, features: a}           # ! scenarios.bad[1]
    - {op: noize, features: a, std: 1}      # ! scenarios.bad[2].op
    - {op: stale, features: a, lag: 3}      # ! scenarios.bad[3].op; scenarios.bad[3].lag
    - {op: scale, factor: 2}                # ! scenarios.bad[4]
    - {op: cast, features: a, dtype: int4}  # ! scenarios.bad[5].dtype
    - {op: constant, features: a, value: no}    # ! scenarios.bad[6].value
    - op: nulls
      feature: a                            # ! scenarios.bad[7].feature
      lag: [1h, 60min]                      # ! scenarios.bad[7].lag; scenarios.bad[7].lag[1]
    - 5                                     # ! scenarios.bad[8]
  dose: [{op: nulls, features: a, rate: [0.1, 1]}]
  Dose: [{op: nulls, features: a, rate: [0.1]}]
  b/d: [{op: nulls, features: a}]           # ! scenarios.b/d
  empty: []                                 # ! scenarios.empty
scenario_checkpoints:
  - v1
  - v5                                      # ! scenario_checkpoints[1]
  - v1                                      # ! scenario_checkpoints[2]
sensitivity: true                           # ! sensitivity
skew_matrix:
  modules:
    query:
      - v1
      - v9                                  # ! skew_matrix.modules.query[1]
    query.inner: [v2]                       # ! skew_matrix.modules['query.inner']
  rest: ramp                                # ! skew_matrix.rest
  limit: {metric: auc, max: 1}              # ! skew_matrix.limit.metric
diff: {tolerance: atuo}                     # ! diff.tolerance
gates:
  - {variant: v1, metric: auc}              # ! gates[0]
  - {variant: v1, metric: auc, min: 2, max: 1}                  # ! gates[1]
  - {variant: v1/dose, metric: auc, min: 0}                     # ! gates[2].variant
  - {variant: ramp, metric: auc, against: baseline, min: 0}     # ! gates[3].against
  - {variant: v1, metric: auc, slice: surfaces=x, min: 0}       # ! gates[4].slice
  - {metric: auc, mni: 0}                   # ! gates[5].variant; gates[5].mni
  - {variant: v1/bad, metric: auc, min: 0}
  - {variant: v2, metric: auc, min: 0, bound: middle}           # ! gates[7].bound
diagnosis: {false_alarms: 0, budgett: 5}    # ! diagnosis.false_alarms; diagnosis.budgett
output: out
"""


def test_every_problem_of_the_what_ifs_at_once_each_with_its_line(problems):
    expected = [
        (number, path)
        for number, line in enumerate(WRONG_WHAT_IFS.splitlines(), start=1)
        if "# ! " in line
        for path in line.split("# ! ")[1].split("; ")
    ]
    found = [(int(line), path) for line, path in (text.split(": ")[:2] for text in problems(WRONG_WHAT_IFS))]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{from: prod, zreo: 0.5}", "zreo: unknown key; did you mean `zero`?"),
        ("{form: prod, cast: int8}", "form: unknown key; did you mean `from`?"),
        ("{splcie: {'*': prod}}", "splcie: unknown key; did you mean `splice`?"),
        ("{rout: {prod: 1}}", "rout: unknown key; did you mean `route`?"),
        ("{pth: x}", "pth: unknown key; did you mean `path`?"),
        (
            "{from: prod, zero: 1, path: x}",
            "path: is a key of another kind of entry: this one takes from, params, cast, bitflip, zero, noise",
        ),
        (
            "{route: {prod: 1}, zzz: 1}",
            "zzz: unknown key; expected one of route, by, salt",
        ),
        ("{from: prod, zero: 2}", "zero: found 2, expected at most 1"),
        ("{from: prod, zero: 0}", "zero: found 0, expected more than 0"),
        ("{from: prod, zero: all}", "zero: found 'all', expected a number"),
        ("{from: prod, bitflip: 0}", "bitflip: found 0, expected at least 1"),
        ("{from: prod, noise: -1}", "noise: found -1, expected at least 0"),
        (
            "{from: prod, cast: float8}",
            "cast: found 'float8', expected one of bfloat16, float16, int8; did you mean `float16`?",
        ),
        ("{splice: {}}", "splice: found an empty mapping, expected at least one entry"),
        ("{route: {prod: 0}}", "route.prod: found 0, expected more than 0"),
        ("{route: [prod]}", "route: found a list, expected a mapping (name: value)"),
    ],
)
def test_a_mistake_in_a_made_checkpoint_is_told_in_terms_of_its_kind(problems, entry, expected):
    text = replaced("    path: ckpt/prod.pt2", f"    path: ckpt/prod.pt2\n  made: {entry}")
    (found,) = problems(text)
    assert found == f"13: checkpoints.made.{expected}"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "diff: {tolerance: atuo}",
            "diff.tolerance: found 'atuo', expected auto, or a mapping with the keys abs, rel; did you mean `auto`?",
        ),
        ("diff: {tolerance: 1e-6}", "diff.tolerance: found 1e-06, expected a mapping with the keys abs, rel"),
        ("diff: {tolerance: {abbs: 1}}", "diff.tolerance.abbs: unknown key; did you mean `abs`?"),
        ("scenarios: {x: {op: nulls}}", "scenarios.x: found a mapping, expected a list"),
        (
            "scenarios: {x: [{op: scale, features: a, factor: 1, rate: 2}]}",
            "scenarios.x[0].rate: found 2, expected at most 1",
        ),
        (
            "scenarios: {x: [{op: scale, features: a, factor: 1, rate: []}]}",
            "scenarios.x[0].rate: found an empty list, expected at least one entry",
        ),
        (
            "scenarios: {x: [{op: scale, features: zz, factor: 1}]}",
            "scenarios.x[0].features: no input of the model reads `zz`",
        ),
        (
            "scenarios: {x: [{op: my:Op, features: a, kwargs: {on: yes}}]}",
            "scenarios.x[0].kwargs.on: `yes` may be text or a boolean: write true or false, or put it in quotes",
        ),
        ("gates: [{variant: prod, metric: auc, max: .inf}]", "gates[0].max: found inf, expected a finite number"),
        ("gates: [{variant: prod, metric: auc, max: true}]", "gates[0].max: found true, expected a number"),
        ("sensitivity: maybe", "sensitivity: found 'maybe', expected true or false"),
        ("sensitivity: 1", "sensitivity: found 1, expected true or false"),
        ("scenario_checkpoints: 5", "scenario_checkpoints: found 5, expected a list"),
        ("seed: true", "seed: found true, expected a number"),
    ],
)
def test_one_mistake_in_a_section_gives_one_problem(problems, section, expected):
    assert problems(replaced("output: out", f"output: out\n{section}")) == [f"14: {expected}"]


def test_a_version_of_a_skew_matrix_that_is_no_name(problems):
    matrix = "skew_matrix: {modules: {q: [prod, 'new*'], i: [prod]}}\n"
    assert problems(replaced("output: out\n", f"output: out\n{matrix}")) == [
        "14: skew_matrix.modules.q[1]: `new*` is not under `checkpoints`: it has prod"
    ]
