import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from replay.config import (
    ConfigError,
    EngineConfig,
    Hash,
    Input,
    ReplayConfig,
    Sample,
    TimeColumn,
    Tolerance,
    Window,
    build_config,
    load_config,
)
from replay.errors import EXIT_REFUSED, EXIT_USAGE, Problem
from tests.config.examples import CONTRACT, SMALL, small


def test_the_contract_reads_as_it_is_meant(write):
    config = load_config(write(CONTRACT))
    traffic = config.traffic
    assert traffic.delta_version == 41
    assert traffic.key == ("request_id", "item_id")
    assert traffic.time == TimeColumn(column="event_time")
    assert traffic.window == Window(
        start=datetime(2026, 11, 20, 10, tzinfo=UTC), end=datetime(2026, 11, 20, 12, tzinfo=UTC)
    )
    assert traffic.sample == Sample(rate=0.01, by=("request_id",))
    assert traffic.where == "surface = 'home'"
    dense, sparse, user_idx, embedding, clicked, mask, country, query = config.model.inputs
    assert dense == Input(name="dense", features=("I1", "I2", "I1?"), missing={"I1": 3.5, "*": 0.0})
    assert sparse == Input(name="sparse", dtype="int64", features=("C*",), missing=0)
    assert user_idx == Input(name="user_idx", dtype="int64", feature="user_idx")
    assert (embedding.length, embedding.pad) == (64, None)
    assert (clicked.length, clicked.pad) == (50, 0)
    assert mask.mask_of == "clicked"
    assert (country.unknown, country.missing) == (0, 0)
    assert query.hash == Hash(buckets=100000)
    assert config.model.output.select == 0
    assert config.model.output.transform == "sigmoid"
    assert config.model.families == {"counts_7d": ("I3", "I1?"), "user": ("user_vec", "clicked_ids")}
    assert list(config.checkpoints) == ["prod", "candidate", "trained"]
    assert config.checkpoints["candidate"].kwargs == {"dim": 16}
    assert config.baseline == "prod"
    assert config.diff.tolerance == Tolerance(abs=1e-6, rel=1e-5)
    assert config.diff.bucket == timedelta(minutes=1)
    assert config.engine == EngineConfig()


def test_defaults(write):
    config = load_config(write(SMALL.replace("  prod:", "  old: {path: x}\n  prod:")))
    assert config.baseline == "old"
    assert config.traffic.key == ("id",)
    assert config.traffic.segments == ()
    assert config.model.inputs[0].dtype == "float32"
    assert config.seed == 0


@pytest.mark.parametrize("empty", ["engine:", "diff:\n  tolerance:\n  bucket:", "baseline:", "seed: ~", "engine: {}"])
def test_keys_without_a_value_are_not_given(write, empty):
    assert load_config(write(SMALL + empty + "\n")) == load_config(write(SMALL))


def test_it_is_frozen_and_travels():
    config = build_config(small(), "/base")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 5
    assert pickle.loads(pickle.dumps(config)) == config


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
gates: []                                   # ! gates
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


def replaced(old, new):
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


KEYS_OF_A_CHECKPOINT = "path (required), factory, kwargs, sha256, weights"
DTYPES = "float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool"


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
            "version, traffic, model, checkpoints, baseline, diff, engine, seed, output",
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
            "output: out\nbase_dir: /tmp",
            "14: base_dir: unknown key; did you mean `baseline`?",
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
            "file, or directory of sharded safetensors; local paths are relative to the config file",
        ),
        (
            "output: out",
            "output:",
            "13: output: required key is missing: directory for what a run leaves; "
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


def test_a_misspelt_section_is_checked_under_its_name(problems):
    assert problems(replaced("traffic:\n  path: data/traffic", "trafic:\n  path: 5")) == [
        "2: trafic: unknown key; did you mean `traffic`?",
        "3: trafic.path: found 5, expected text: put it in quotes",
    ]


def test_a_key_beside_the_one_that_was_meant_is_told(problems):
    assert problems(replaced("  key: id", "  key: id\n  keys: id2")) == [
        "5: traffic.keys: unknown key; did you mean `key`?"
    ]


def test_a_value_that_cannot_be_read_gives_no_second_problem(problems):
    (found,) = problems(replaced("  key: id", "  key: !!set {id}"))
    assert found.startswith("4: traffic.key: the tag !!set is not allowed")


@pytest.mark.parametrize("value", ["no", "On"])
def test_doubtful_values_matter_only_in_arguments(problems, write, value):
    config = load_config(write(replaced("  key: id", f"  key: id\n  segments: [{value}]\n  label: {value}x")))
    assert config.traffic.segments == (value,)
    assert problems(
        replaced("    path: ckpt/prod.pt2", f"    path: x\n    factory: a:b\n    kwargs: {{bias: {value}}}")
    ) == [
        f"14: checkpoints.prod.kwargs.bias: `{value}` may be text or a boolean: "
        "write true or false, or put it in quotes"
    ]
    assert problems(SMALL, ["checkpoints.prod.factory=a:b", f"checkpoints.prod.kwargs.bias={value}"]) == [
        f"checkpoints.prod.kwargs.bias: `{value}` may be text or a boolean: write true or false, or put it in quotes "
        f"(from --set checkpoints.prod.kwargs.bias={value})"
    ]


def test_options_are_named_instead_of_lines(problems):
    assert problems(SMALL, ["traffic.score=5", "seed=x", "nothing", "trafic.key=a"], output="") == [
        "--set nothing: expected KEY=VALUE, such as traffic.window.start=2026-11-20T10:00:00Z or "
        "model.inputs[0].dtype=int64",
        "trafic: unknown key; did you mean `traffic`? (from --set trafic.key=a)",
        "traffic.score: found 5, expected text: put it in quotes (from --set traffic.score=5)",
        "seed: found 'x', expected a whole number (from --set seed=x)",
        "output: found an empty text, expected text (from --output )",
    ]


def test_a_section_names_the_options_that_changed_it(problems):
    text = replaced("  key: id", "  key: id\n  time: ts\n  window: {start: 2026-11-20, end: 2026-11-21}")
    assert problems(text, ["traffic.window.end=2026-11-19"]) == [
        "6: traffic.window: start 2026-11-20T00:00:00+00:00 is not before end 2026-11-19T00:00:00+00:00: "
        "a window is [start, end) (with --set traffic.window.end=2026-11-19)"
    ]


def test_the_message_names_the_file_as_it_was_given(write, monkeypatch, tmp_path):
    write(replaced("score: online_score", "score: 5"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_config("replay.yaml")
    assert str(caught.value) == "replay.yaml:5: traffic.score: found 5, expected text: put it in quotes"
    assert caught.value.source == "replay.yaml"
    assert caught.value.exit_code == EXIT_USAGE


def test_plain_data_has_no_lines():
    with pytest.raises(ConfigError) as caught:
        build_config(small(seed="x"))
    assert caught.value.problems == (Problem("found 'x', expected a whole number", "seed"),)
    assert caught.value.source is None


def test_later_problems_get_their_line(write):
    config = load_config(write(SMALL), ["traffic.segments=[s]"])
    assert config.locate(Problem("m", "traffic.score")) == Problem("m", "traffic.score", 5)
    assert config.locate(Problem("m", "model.inputs[0].features[1]", exit_code=EXIT_REFUSED)) == Problem(
        "m", "model.inputs[0].features[1]", 9, EXIT_REFUSED
    )
    assert config.locate(Problem("m", "traffic.label")) == Problem("m", "traffic.label", 2)
    assert config.locate(Problem("m", "traffic.segments[0]")) == Problem(
        "m (from --set traffic.segments=[s])", "traffic.segments[0]"
    )
    assert config.locate(Problem("m", "traffic.score", 99)) == Problem("m", "traffic.score", 99)
    assert config.locate(Problem("m")) == Problem("m")
    pinned = config.model_copy(update={"seed": 1})
    assert pinned.locate(Problem("m", "traffic.score")).line == 5


def test_python_refuses_what_the_file_refuses():
    with pytest.raises(ValidationError, match="baseline: `prd` is not under `checkpoints`; did you mean `prod`"):
        ReplayConfig(**small(baseline="prd"))


@given(rate=st.floats(0, 1, exclude_min=True), seed=st.integers(), where=st.text("ab '=:#[]{}\"\\", min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_options_set_what_the_file_could(write, rate, seed, where):
    quoted = "'" + where.replace("'", "''") + "'"
    config = load_config(
        write(SMALL),
        [f"traffic.sample.rate={rate!r}", f"seed={seed}", f"traffic.where={quoted}", "traffic.key=[id, b]"],
    )
    assert config.traffic.sample == Sample(rate=rate)
    assert config.seed == seed
    assert config.traffic.where == where
    assert config.traffic.key == ("id", "b")
