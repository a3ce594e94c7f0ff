import copy

from replay.config.unknown_keys import repair_keys


def test_repairs():
    data = {
        "version": 1,
        "trafic": {"scroe": "s", "key": "k", "keys": "k2", "time": {"colum": "t"}},
        "model": {"inputs": [{"nmae": "x"}, 5], "families": {"any": ["a"]}},
        "checkpoints": {"prod": {"pth": "x", "kwargs": {"any": 1}}, "odd": 7},
        "xyz": 1,
    }
    before = copy.deepcopy(data)
    repaired, findings, renamed = repair_keys(data)
    assert data == before
    assert repaired == {
        "version": 1,
        "traffic": {"score": "s", "key": "k", "time": {"column": "t"}},
        "model": {"inputs": [{"name": "x"}, 5], "families": {"any": ["a"]}},
        "checkpoints": {"prod": {"path": "x", "kwargs": {"any": 1}}, "odd": 7},
    }
    assert [finding.path for finding in findings] == [
        ("trafic",),
        ("trafic", "scroe"),
        ("trafic", "keys"),
        ("trafic", "time", "colum"),
        ("model", "inputs", 0, "nmae"),
        ("checkpoints", "prod", "pth"),
        ("xyz",),
    ]
    assert renamed == {
        ("traffic",): ("trafic",),
        ("traffic", "score"): ("trafic", "scroe"),
        ("traffic", "time", "column"): ("trafic", "time", "colum"),
        ("model", "inputs", 0, "name"): ("model", "inputs", 0, "nmae"),
        ("checkpoints", "prod", "path"): ("checkpoints", "prod", "pth"),
    }
