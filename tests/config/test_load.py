import pickle
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from replay.config import (
    ConfigError,
    DerivedConfig,
    EngineConfig,
    Gate,
    Hash,
    Input,
    Perturbation,
    ReplayConfig,
    RouteConfig,
    Sample,
    SpliceConfig,
    TimeColumn,
    Tolerance,
    TrafficWindow,
    Window,
    build_config,
    load_config,
    variant_names,
)
from replay.errors import EXIT_REFUSED, EXIT_USAGE, Problem
from tests.config.examples import CONTRACT, SMALL, replaced, small


def test_the_contract_reads_as_it_is_meant(write):
    config = load_config(write(CONTRACT))
    traffic = config.traffic
    assert traffic.delta_version == 41
    assert traffic.key == ("request_id", "item_id")
    assert traffic.time == TimeColumn(column="event_time")
    assert traffic.window == TrafficWindow(
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
    assert list(config.file_checkpoints) == ["prod", "candidate", "trained"]
    assert config.checkpoints["candidate"].kwargs == {"dim": 16}
    assert config.baseline == "prod"
    assert config.diff.tolerance == Tolerance(abs=1e-6, rel=1e-5)
    assert config.diff.bucket == timedelta(minutes=1)
    assert config.engine == EngineConfig()


def test_the_what_ifs_of_the_contract_read_as_they_are_meant(write):
    config = load_config(write(CONTRACT))
    assert config.checkpoints["prod_bf16"] == DerivedConfig(source="prod", cast="bfloat16")
    assert config.checkpoints["skewed"] == SpliceConfig(splice={"query_tower.*": "candidate", "*": "prod"})
    assert config.checkpoints["ramp"] == RouteConfig(
        route={"prod": 0.9, "candidate": 0.1}, by=("request_id",), salt="a"
    )
    counts = {"op": "nulls", "families": ("counts_7d",)}
    burst = Window(start=datetime(2026, 11, 20, 10, tzinfo=UTC), end=datetime(2026, 11, 20, 11, tzinfo=UTC))
    assert config.scenarios == {
        "counts_null": (Perturbation(**counts),),
        "null_burst": (Perturbation(**counts, rate=(0.3,), where="surface='home'", window=burst),),
        "stale_3h": (Perturbation(op="stale", features=("I*",), lag=(timedelta(hours=3),)),),
        "counts_dose": (Perturbation(**counts, rate=(0.01, 0.1, 0.5, 1.0)),),
    }
    assert config.gates == (
        Gate(variant="prod", against="online", metric="mismatch_rate", max=0.001),
        Gate(
            variant="prod/counts_null", against="baseline", metric="auc_drop", max=0.005, min_rows=10000, bound="high"
        ),
    )
    assert variant_names(config) == (
        "prod", "candidate", "trained", "prod_bf16", "skewed", "ramp",
        "prod/counts_null", "prod/null_burst", "prod/stale_3h",
        "prod/counts_dose@0.01", "prod/counts_dose@0.1", "prod/counts_dose@0.5", "prod/counts_dose@1",
    )  # fmt: skip


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
    assert str(caught.value).splitlines() == [
        "replay.yaml:5:10: traffic.score: found 5, expected text: put it in quotes",
        "    5 |   score: 5",
        "      |          ^",
    ]
    assert caught.value.source == "replay.yaml"
    assert caught.value.exit_code == EXIT_USAGE


def test_plain_data_has_no_lines():
    with pytest.raises(ConfigError) as caught:
        build_config(small(seed="x"))
    assert caught.value.problems == (Problem("found 'x', expected a whole number", "seed"),)
    assert caught.value.source is None


def underlined(problem):
    """What is underlined of a problem's text."""
    return problem.excerpt.text[problem.excerpt.start : problem.excerpt.end]


def test_later_problems_get_their_text(write):
    text = SMALL.replace("  score: online_score", "  score: online_score\n  segments: [country, surface]")
    config = load_config(write(text), ["traffic.label=clicked"])
    assert underlined(config.locate(Problem("m", "traffic.score"))) == "online_score"
    assert underlined(config.locate(Problem("m", "traffic.segments[1]"))) == "surface"
    assert underlined(config.locate(Problem("no column `surface`", "traffic.segments"))) == "surface"
    assert underlined(config.locate(Problem("m", "traffic.segments"))) == "[country, surface]"
    assert underlined(config.locate(Problem("m", "traffic.time"))) == "traffic"  # it is not given
    option = config.locate(Problem("m", "traffic.label"))
    assert (underlined(option), option.excerpt.text) == ("clicked", "--set traffic.label=clicked")
    assert config.locate(option) == option
    assert config.locate(Problem("m")).excerpt is None


def test_an_option_for_the_output_has_its_text(problems, write, tmp_path):
    traffic = f"{tmp_path}/t"
    with pytest.raises(ConfigError) as caught:
        load_config(write(SMALL), [f"traffic.path={traffic}"], output=traffic)
    (problem,) = caught.value.problems
    assert (underlined(problem), problem.excerpt.text) == (traffic, f"--output {traffic}")


def test_configs_made_in_python_have_no_text():
    with pytest.raises(ConfigError) as caught:
        build_config(small(seed="x"))
    assert caught.value.problems[0].excerpt is None


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
