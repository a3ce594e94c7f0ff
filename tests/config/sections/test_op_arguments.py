from datetime import timedelta

import pytest

from replay.config import OPS, ConfigError, Perturbation, build_config
from tests.config.examples import small

TRAFFIC = {"path": "t", "key": "id", "score": "s", "time": "ts", "entity": "user"}
MODEL = {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0}], "families": {"f": ["a", "b"]}}
SOURCES = {"served": {"path": "o", "key": "id"}}
REQUIRED = {
    "constant": {"value": 0},
    "noise": {"std": 0.1},
    "scale": {"factor": 2},
    "shift": {"by": 5},
    "remap": {"values": {"1": 2}},
    "rearrange": {"reverse": True},
    "stale": {"lag": "3h"},
    "from": {"source": "served"},
    "match": {"source": "served"},
    "swap": {"with": "b"},
    "cast": {"dtype": "int8"},
    "clip": {"min": 0},
}
SAMPLES = {
    "value": "x",
    "std": 0,
    "relative_std": 0.5,
    "factor": 0,
    "function": "log1p",
    "by": 5,
    "modulo": 24,
    "start": 1,
    "values": {"1": 2},
    "reverse": True,
    "first": [5],
    "last": 5,
    "skip_first": 1,
    "skip_last": 1,
    "pad_side": "left",
    "lag": ["1h"],
    "source": "served",
    "with": ["b"],
    "bits": 3,
    "dtype": "int16",
    "decimals": 2,
    "rounding": "down",
    "overflow": "wrap",
    "min": 0,
    "max": 0,
    "kwargs": {"a": 1},
}


def found(op, **step):
    return [(finding.path, finding.message) for finding in Perturbation.check({"op": op, "features": "a", **step})]


@pytest.mark.parametrize("op", OPS)
def test_each_op_with_what_it_needs(op):
    step = {"op": op, "features": "a", **REQUIRED.get(op, {})}
    assert found(**step) == []
    config = build_config(small(traffic=TRAFFIC, model=MODEL, sources=SOURCES, scenarios={"s": [step]}))
    assert config.scenarios["s"][0].op == op


@pytest.mark.parametrize(
    ("op", "needs"),
    [
        ("constant", "`value`"),
        ("noise", "`std` or `relative_std`"),
        ("scale", "`factor` or `function`"),
        ("shift", "`by` or `modulo`"),
        ("remap", "`values`"),
        ("rearrange", "`reverse` or `first` or `last` or `skip_first` or `skip_last` or `pad_side`"),
        ("stale", "`lag`"),
        ("from", "`source`"),
        ("match", "`source`"),
        ("swap", "`with`"),
        ("cast", "`dtype` or `decimals`"),
        ("clip", "`min` or `max`"),
    ],
)
def test_each_op_without(op, needs):
    assert found(op) == [((), f"`{op}` needs {needs}")]


@pytest.mark.parametrize(
    ("op", "takes"),
    [
        ("nulls", ()),
        ("constant", ("value",)),
        ("noise", ("std", "relative_std")),
        ("scale", ("factor", "function")),
        ("shift", ("by", "modulo", "start")),
        ("remap", ("values",)),
        ("rearrange", ("reverse", "first", "last", "skip_first", "skip_last", "pad_side")),
        ("shuffle", ()),
        ("stale", ("lag",)),
        ("from", ("source",)),
        ("match", ("source", "by")),
        ("swap", ("with",)),
        ("out_of_vocabulary", ()),
        ("bitflip", ("bits",)),
        ("cast", ("dtype", "decimals", "rounding", "overflow")),
        ("clip", ("min", "max")),
        ("my:Op", ("kwargs",)),
    ],
)
def test_each_op_with_the_arguments_of_others(op, takes):
    end = f"it takes {', '.join(f'`{name}`' for name in takes)}" if takes else "it takes no arguments"
    for key, value in SAMPLES.items():
        expected = [] if key in takes else [((key,), f"is no argument of `{op}`: {end}")]
        twice = op in ("noise", "scale", "rearrange", "cast") and key in takes
        assert found(op, **{**REQUIRED.get(op, {}), key: value}) == expected or twice


def test_a_key_of_two_ops_has_the_types_of_both():
    shift, match = {"op": "shift", "features": "a", "by": 2}, {"op": "match", "features": "a", "source": "served"}
    scenarios = {"s": [shift], "m": [{**match, "by": "surface"}]}
    config = build_config(small(traffic=TRAFFIC, model=MODEL, sources=SOURCES, scenarios=scenarios))
    assert (config.scenarios["s"][0].arguments.by, config.scenarios["m"][0].arguments.by) == (2, ("surface",))
    with pytest.raises(ConfigError, match=r"scenarios\.s\[0\]\.by: found 'two'"):
        build_config(small(traffic=TRAFFIC, model=MODEL, scenarios={"s": [{**shift, "by": "two"}]}))


def test_noise_of_one_kind():
    assert found("noise", relative_std=0) == []
    assert found("noise", std=1, relative_std=1) == [((), "`noise` takes one of `std`, `relative_std`, found both")]


def test_a_scale_of_one_kind():
    assert found("scale", factor=2) == found("scale", function="expm1") == []
    assert found("scale", factor=2, function="log1p") == [((), "`scale` takes one of `factor`, `function`, found both")]


def test_a_range_has_something_in_it():
    assert found("clip", min=1, max=1) == found("clip", min=-1, max=2.5) == []
    assert found("clip", min=2, max=1.5) == [((), "min 2 is above max 1.5")]


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("null", "`null` is no perturbation; did you mean `nulls`?"),
        ("Stale", "`Stale` is no perturbation; did you mean `stale`?"),
        (
            "xyz",
            "`xyz` is no perturbation: expected one of nulls, constant, noise, scale, shift, remap, rearrange, "
            "shuffle, stale, from, match, swap, out_of_vocabulary, bitflip, cast, clip, or `module:Class` of your own",
        ),
        (
            "my.py:",
            "`my.py:` is no perturbation: expected one of nulls, constant, noise, scale, shift, remap, rearrange, "
            "shuffle, stale, from, match, swap, out_of_vocabulary, bitflip, cast, clip, or `module:Class` of your own",
        ),
    ],
)
def test_what_is_no_perturbation(op, message):
    assert found(op, lag="3h") == [(("op",), message)]


@pytest.mark.parametrize("op", ["my:Op", "pkg.mod:Outer.Inner", "dir/my.py:Op"])
def test_perturbations_of_the_users_own(op):
    assert found(op) == found(op, kwargs={"a": [1, {"b": None}]}) == []


def test_arguments_of_the_users_own_are_plain_data():
    assert found("my:Op", kwargs={"a": {"b": {1}}, "c": {2: 3}}) == [
        (("kwargs", "a", "b"), "found set, expected plain data (text, numbers, true, false, lists)"),
        (("kwargs", "c"), "the key 2 is not text: arguments of a perturbation are plain data"),
    ]


@pytest.mark.parametrize(
    ("key", "values", "shown", "place"),
    [
        ("rate", [0.1, 0.5, 0.1], "0.1", 2),
        ("rate", [1, 1.0], "1.0", 1),
        ("rate", [0.5, "0.50"], "0.5", 1),
        ("lag", ["1h", "3h", "60min"], "1h", 2),
        ("lag", [timedelta(seconds=90), "90s"], "90s", 1),
    ],
)
def test_a_value_is_listed_once(key, values, shown, place):
    arguments = {"lag": "3h", key: values}
    assert found("stale", **arguments) == [((key, place), f"{shown} is listed twice: each value gives a variant")]
    assert found("stale", **{**arguments, key: values[:place]}) == []
