import pytest

from replay.config import (
    CheckpointConfig,
    DerivedConfig,
    Gate,
    Hash,
    Input,
    Perturbation,
    ReplayConfig,
    RouteConfig,
    SkewLimit,
    SpliceConfig,
    TimeColumn,
    Tolerance,
    TrafficConfig,
    Window,
)
from replay.config.shape import keys_of, purpose, section_at


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ((), ReplayConfig),
        (("traffic",), TrafficConfig),
        (("traffic", "time"), TimeColumn),
        (("model", "inputs", 3), Input),
        (("model", "inputs", 3, "hash"), Hash),
        (("checkpoints", "prod"), CheckpointConfig),
        (("checkpoints",), None),
        (("model", "inputs"), None),
        (("model", "families", "x"), None),
        (("checkpoints", "prod", "kwargs", "a"), None),
        (("nothing",), None),
    ],
)
def test_sections(path, section):
    assert section_at(path) is section


@pytest.mark.parametrize(
    ("entry", "section"),
    [
        ({"path": "x"}, CheckpointConfig),
        ({"from": "x", "cast": "int8"}, DerivedConfig),
        ({"splice": {}}, SpliceConfig),
        ({"route": {}, "by": "id"}, RouteConfig),
        ({"form": "x", "cast": "int8"}, DerivedConfig),
        ({"splise": {}}, SpliceConfig),
        ({"routes": {}}, RouteConfig),
        ({"weights": "x"}, CheckpointConfig),
        ({}, CheckpointConfig),
        (5, CheckpointConfig),
    ],
)
def test_an_entrys_keys_tell_what_it_is_meant_as(entry, section):
    assert section_at(("checkpoints", "x"), {"checkpoints": {"x": entry}}) is section


@pytest.mark.parametrize(
    ("path", "section"),
    [
        (("scenarios", "x", 0), Perturbation),
        (("scenarios", "x", 0, "window"), Window),
        (("scenarios", "x"), None),
        (("gates", 1), Gate),
        (("skew_matrix", "limit"), SkewLimit),
        (("skew_matrix", "modules"), None),
        (("diff", "tolerance"), Tolerance),
    ],
)
def test_sections_of_what_ifs(path, section):
    assert section_at(path) is section


def test_keys_that_the_loader_sets_are_not_keys_of_the_file():
    assert keys_of(ReplayConfig) == (
        "version", "traffic", "model", "checkpoints", "baseline", "scenarios", "scenario_checkpoints", "sensitivity",
        "skew_matrix", "sources", "features", "audits", "diff", "gates", "diagnosis", "engine",
        "seed", "output", "base_dir",
    )  # fmt: skip


def test_every_key_says_what_it_is_for():
    def undocumented(section, path):
        for key in keys_of(section):
            if not purpose((*path, key)):
                yield (*path, key)
            for below in ((*path, key), (*path, key, 0), (*path, key, "x")):
                child = section_at(below)
                if child is not None:
                    yield from undocumented(child, below)

    assert list(undocumented(ReplayConfig, ())) == []


def test_the_first_sentence():
    assert purpose(("model", "output", "select")) == ("Index or key of the output; a list of them selects step by step")
    assert purpose(("traffic", "score")) == "What online answered"
    assert purpose(("nothing", "here")) == ""
