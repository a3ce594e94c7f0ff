import pytest
from pydantic import ValidationError

from replay.config import (
    CheckpointConfig,
    ConfigError,
    DerivedConfig,
    DiagnosisConfig,
    Gate,
    Perturbation,
    ReplayConfig,
    RouteConfig,
    SkewMatrixConfig,
    SpliceConfig,
    Tolerance,
    build_config,
)
from tests.config.examples import small

CHECKPOINTS = {
    "v1": {"path": "/v1"},
    "v2": {"path": "/v2", "factory": "m:f"},
    "low": {"from": "v1", "cast": "bfloat16"},
    "ramp": {"route": {"v1": 0.9, "v2": 0.1}},
    "mixed": {"splice": {"query.*": "v1", "*": "v2"}},
}


def test_checkpoints_are_told_apart_by_their_keys():
    config = build_config(small(checkpoints=CHECKPOINTS), "/base")
    assert config.checkpoints == {
        "v1": CheckpointConfig(path="/v1"),
        "v2": CheckpointConfig(path="/v2", factory="m:f"),
        "low": DerivedConfig(source="v1", cast="bfloat16"),
        "ramp": RouteConfig(route={"v1": 0.9, "v2": 0.1}),
        "mixed": SpliceConfig(splice={"query.*": "v1", "*": "v2"}),
    }
    assert list(config.file_checkpoints) == ["v1", "v2"]
    assert config.all_checkpoints == config.checkpoints
    assert config.baseline == "v1"


@pytest.mark.parametrize("baseline", CHECKPOINTS)
def test_the_baseline_may_be_any_of_them(baseline):
    assert build_config(small(checkpoints=CHECKPOINTS, baseline=baseline)).baseline == baseline


def test_objects_and_plain_data_meet():
    """Two equal doors: what a file says, Python says by the same objects."""
    objects = ReplayConfig(
        version=1,
        traffic={"path": "/t", "key": "id", "score": "s"},
        model={"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}]},
        checkpoints={"v1": CheckpointConfig(path="/v1"), "low": DerivedConfig(source="v1", zero=0.5)},
        scenarios={"gone": (Perturbation(op="nulls", features=("a",), rate=(0.5,)),)},
        gates=(Gate(variant="v1/gone", metric="auc_drop", max=0.1),),
        output="/o",
    )
    data = {
        "version": 1,
        "traffic": {"path": "/t", "key": "id", "score": "s"},
        "model": {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}]},
        "checkpoints": {"v1": {"path": "/v1"}, "low": {"from": "v1", "zero": 0.5}},
        "scenarios": {"gone": [{"op": "nulls", "features": "a", "rate": 0.5}]},
        "gates": [{"variant": "v1/gone", "metric": "auc_drop", "max": 0.1}],
        "output": "/o",
    }
    assert build_config(data, "").model_copy(update={"base_dir": ""}) == objects


def test_python_is_checked_as_files_are():
    with pytest.raises(ValidationError, match="`v3` is not under `checkpoints`"):
        ReplayConfig(**small(checkpoints={"v1": {"path": "x"}, "low": DerivedConfig(source="v3", zero=True)}))
    with pytest.raises(ValidationError, match="is no variant of this config"):
        ReplayConfig(**small(gates=(Gate(variant="prd", metric="auc", min=0.5),)))


def test_defaults():
    config = build_config(small())
    assert config.scenarios == {}
    assert config.scenario_checkpoints == ()
    assert config.gates == ()
    assert config.skew_matrix is None
    assert config.sensitivity is False
    assert config.diagnosis == DiagnosisConfig()
    assert config.diff.tolerance == Tolerance()


def test_a_skew_matrix_adds_its_pairings():
    matrix = {"modules": {"query tower": ["v1", "v2"], "item": ["v1", "v2"]}}
    config = build_config(small(checkpoints={"v1": {"path": "/v1"}, "v2": {"path": "/v2"}}, skew_matrix=matrix))
    assert config.skew_matrix == SkewMatrixConfig(modules={"query tower": ("v1", "v2"), "item": ("v1", "v2")})
    assert list(config.all_checkpoints.items())[2:] == [
        ("query_tower.v1+item.v2", SpliceConfig(splice={"query tower.*": "v1", "item.*": "v2", "*": "v1"})),
        ("query_tower.v2+item.v1", SpliceConfig(splice={"query tower.*": "v2", "item.*": "v1", "*": "v2"})),
    ]
    assert list(config.checkpoints) == list(config.file_checkpoints) == ["v1", "v2"]


def test_with_a_rest_only_what_agrees_with_it_is_consistent():
    matrix = {"modules": {"q": ["v1", "v2"], "i": ["v1", "v2"]}, "rest": "v2"}
    config = build_config(small(checkpoints={"v1": {"path": "/v1"}, "v2": {"path": "/v2"}}, skew_matrix=matrix))
    assert list(config.all_checkpoints.items())[2:] == [
        ("q.v1+i.v1", SpliceConfig(splice={"q.*": "v1", "i.*": "v1", "*": "v2"})),
        ("q.v1+i.v2", SpliceConfig(splice={"q.*": "v1", "i.*": "v2", "*": "v2"})),
        ("q.v2+i.v1", SpliceConfig(splice={"q.*": "v2", "i.*": "v1", "*": "v2"})),
    ]


CHECKPOINT = {"path": "x"}


def found(**sections):
    return [(finding.path, finding.message) for finding in ReplayConfig.check(small(**sections))]


def named(*names, **sections):
    return found(checkpoints=dict.fromkeys(names, CHECKPOINT), **sections)


def test_sound():
    assert found() == []
    assert named("old", "new", baseline="new") == []


def test_baselines():
    assert named("prod", "new", baseline="prd") == [
        (("baseline",), "`prd` is not under `checkpoints`; did you mean `prod`?")
    ]
    assert named("prod", "new", baseline="xyz") == [
        (("baseline",), "`xyz` is not under `checkpoints`: it has prod, new")
    ]


TRAFFIC = {
    "path": "data",
    "key": ["id", "pos"],
    "time": {"column": "ts", "unit": "ms"},
    "score": "online_score",
    "served_by": "version",
    "label": "label",
    "weight": "w",
    "group": "req",
    "entity": "user",
    "segments": ["surface"],
}


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("pos", "of the traffic (`key: pos`)"),
        ("ts", "of the traffic (`time: ts`)"),
        ("online_score", "of the traffic (`score: online_score`)"),
        ("version", "of the traffic (`served_by: version`)"),
        ("Label", "of the traffic (`label: label`)"),
        ("w", "of the traffic (`weight: w`)"),
        ("req", "of the traffic (`group: req`)"),
        ("user", "of the traffic (`entity: user`)"),
        ("SURFACE", "of the traffic (`segments: surface`)"),
        ("rejected", "of the run itself (`rejected`)"),
        ("Prod", "of another checkpoint (`prod`)"),
    ],
)
def test_a_checkpoint_is_a_column_of_its_own(name, whose):
    assert named("prod", name, traffic=TRAFFIC) == [
        (
            ("checkpoints", name),
            f"the name `{name}` is a column {whose}: both go into the scores table, so give another name",
        )
    ]


@pytest.mark.parametrize(
    ("traffic", "output", "message"),
    [
        ("/d/t", "/d/t", "lies in the traffic (/d/t): expected another directory"),
        ("/d/t", "/d/t/out", "lies in the traffic (/d/t): expected another directory"),
        ("s3a://b/t/", "s3a://b/t/out/", "lies in the traffic (s3a://b/t): expected another directory"),
        ("/o/scores", "/o", "holds the traffic (/o/scores), which the run would replace: expected another one"),
        ("/o/scores/x", "/o/", "holds the traffic (/o/scores/x), which the run would replace: expected another one"),
        ("/d/t", "/d/t2", None),
        ("/d/t", "/d", None),
    ],
)
def test_the_output_is_not_the_traffic(traffic, output, message):
    expected = [] if message is None else [(("output",), message)]
    assert found(traffic={**TRAFFIC, "path": traffic}, output=output) == expected


def test_what_has_a_wrong_shape_is_skipped():
    assert found(checkpoints=[1], traffic="x", baseline=5, output=7) == []


def test_every_section_is_judged_although_others_are_wrong():
    data = small(
        traffic={"path": "p", "key": 5, "score": "s", "window": {}},
        model={"inputs": [{"name": "x", "feature": "a", "unknown": 1, "dtype": "nope"}, {"name": "x", "feature": "b"}]},
        checkpoints={"s": {"path": 7, "kwargs": {"a": 1}}},
        baseline="t",
    )
    with pytest.raises(ConfigError) as caught:
        build_config(data)
    assert [problem.path for problem in caught.value.problems] == [
        "traffic.key",
        "traffic.window",
        "model.inputs[0].dtype",
        "model.inputs[0].unknown",
        "model.inputs[1].name",
        "checkpoints.s.path",
        "checkpoints.s.kwargs",
        "baseline",
        "checkpoints.s",
    ]
