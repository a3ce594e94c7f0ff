import pytest

from replay.config import ConfigError, build_config
from replay.config.sections.replay_checks import check_replay
from tests.config.examples import small

CHECKPOINT = {"path": "x"}


def found(**sections):
    return [(finding.path, finding.message) for finding in check_replay(small(**sections))]


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
        "model.inputs[0].dtype",
        "checkpoints.s.path",
        "traffic.window",
        "model.inputs[1].name",
        "model.inputs[0].unknown",
        "checkpoints.s.kwargs",
        "baseline",
        "checkpoints.s",
    ]
