import pytest
from pydantic import ValidationError

from replay.config import CheckpointConfig, DerivedConfig, RouteConfig, SpliceConfig
from replay.config.sections.checkpoints import check_checkpoints

FILE = {"path": "x"}
V1, V2, RAMP = {"path": "v1"}, {"path": "v2"}, {"route": {"v1": 0.5, "v2": 0.5}}
KINDS = {"from": DerivedConfig, "splice": SpliceConfig, "route": RouteConfig}


def alone(**data):
    section = next((kind for key, kind in KINDS.items() if key in data), CheckpointConfig)
    return [(finding.path, finding.message) for finding in section.check(data)]


def found(**data):
    return alone(path="x", **data)


def among(**entries):
    """Findings about checkpoints beside two files and a route."""
    data = {"v1": V1, "v2": V2, "ramp": RAMP, **entries}
    return [(finding.path, finding.message) for finding in check_checkpoints(data)]


def test_sound():
    assert found() == []
    assert found(factory="m:f", kwargs={"a": [1, 2.5, None, True, {"b": "c"}], "d": (1,)}) == []


def test_arguments_need_a_factory():
    assert found(kwargs={"dim": 16}) == [(("kwargs",), "are the factory's arguments: give a `factory`")]


def test_a_prefix_needs_a_factory():
    assert found(prefix="net.") == [(("prefix",), "is of weights for a factory's module: give a `factory`")]
    assert found(prefix="net.", factory="m:f") == []


def test_arguments_are_plain_data():
    assert found(factory="m:f", kwargs={"a": {"b": [1, {1, 2}]}, "c": object, "d": {"e": {5: 1}}}) == [
        (("kwargs", "a", "b", 1), "found set, expected plain data (text, numbers, true, false, lists)"),
        (("kwargs", "c"), "found type, expected plain data (text, numbers, true, false, lists)"),
        (("kwargs", "d", "e"), "the key 5 is not text: arguments of a factory are plain data"),
    ]
    with pytest.raises(ValidationError, match="found bytes, expected plain data"):
        CheckpointConfig(path="x", factory="m:f", kwargs={"a": b"x"})


@pytest.mark.parametrize("factory", ["m:f", "a.b.c:f", "dir/models.py:build", "m:Class.make", "/a b/m.py:f"])
def test_factories(factory):
    assert CheckpointConfig(path="x", factory=factory).factory == factory


@pytest.mark.parametrize("factory", ["m", "m:", ":f", "m:1f", "m:f()", "C:\\m.py:f"])
def test_what_is_no_factory(factory):
    with pytest.raises(ValidationError, match="should match pattern"):
        CheckpointConfig(path="x", factory=factory)


def test_a_hash_is_kept_in_lower_case():
    assert CheckpointConfig(path="x", sha256="AB" * 32).sha256 == "ab" * 32


@pytest.mark.parametrize(
    "change", [{"cast": "int8"}, {"bitflip": 1}, {"zero": True}, {"zero": 0.5}, {"noise": 0.0}, {"noise": 0.1}]
)
def test_one_change(change):
    assert alone(**{"from": "v1"}, **change) == []
    assert DerivedConfig(source="v1", **change).source == "v1"


@pytest.mark.parametrize(
    ("changes", "found"),
    [({}, "none"), ({"zero": False}, "none"), ({"cast": "int8", "zero": 0.1}, "cast, zero")],
)
def test_no_change_or_two(changes, found):
    message = f"found {found}, expected one of cast, bitflip, zero, noise: it says how the parameters change"
    assert alone(**{"from": "v1"}, **changes) == [((), message)]
    with pytest.raises(ValidationError, match=message):
        DerivedConfig(source="v1", **changes)


def test_the_first_pattern_wins():
    assert alone(splice={"query.*": "a", "item.*": "b", "*": "a"}) == []
    message = "`*` before it matches first: move this entry above it"
    assert alone(splice={"*": "a", "item.*": "b"}) == [(("splice", "item.*"), message)]
    assert alone(splice={"q*": "a", "query.*": "b"}) == [
        (("splice", "query.*"), "`q*` before it matches first: move this entry above it")
    ]
    with pytest.raises(ValidationError, match="matches first"):
        SpliceConfig(splice={"*": "a", "item.*": "b"})


@pytest.mark.parametrize(
    "shares", [{"a": 1}, {"a": 0.9, "b": 0.1}, dict.fromkeys("abcdefghij", 0.1), {"a": 1 / 3, "b": 2 / 3}]
)
def test_shares_that_sum_to_one(shares):
    assert alone(route=shares) == []


@pytest.mark.parametrize(
    ("shares", "total"),
    [({"a": 0.9, "b": 0.2}, "1.1"), ({"a": 0.5}, "0.5"), ({"a": 0.9, "b": 0.10001}, "1.00001")],
)
def test_shares_that_do_not(shares, total):
    message = f"the shares sum to {total}, expected 1: every row goes somewhere"
    assert alone(route=shares) == [(("route",), message)]
    with pytest.raises(ValidationError, match=message):
        RouteConfig(route=shares)


def test_a_wrong_share_is_another_mistake():
    assert alone(route={"a": "half", "b": 0.2}) == []


def test_sound_sources():
    assert among() == []
    assert among(low={"from": "v1"}, lower={"from": "low"}, mix={"splice": {"q.*": "lower", "*": "v2"}}) == []
    assert among(noisy={"from": "mix"}, mix={"splice": {"q.*": "v1", "*": "v2"}, "structure": "v1"}) == []
    assert among(other={"route": {"low": 0.5, "v1": 0.5}}, low={"from": "v1"}) == []


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"from": "V1"}, ("from",), "`V1` is not under `checkpoints`; did you mean `v1`?"),
        ({"from": "prod"}, ("from",), "`prod` is not under `checkpoints`: it has v1, v2, ramp"),
        ({"from": "x"}, ("from",), "`x` is this checkpoint itself: name another one"),
        ({"from": "ramp"}, ("from",), "`ramp` is itself a route: it has no parameters: name one of its members"),
        (
            {"splice": {"a.*": "v1", "*": "V2"}},
            ("splice", "*"),
            "`V2` is not under `checkpoints`; did you mean `v2`?",
        ),
        (
            {"splice": {"a.*": "ramp", "*": "v1"}},
            ("splice", "a.*"),
            "`ramp` is itself a route: it has no parameters: name one of its members",
        ),
        (
            {"splice": {"*": "v1"}, "structure": "v2"},
            ("structure",),
            "`v2` gives no parameters to this splice: expected one of v1",
        ),
        ({"route": {"Ramp": 1}}, ("route", "Ramp"), "`Ramp` is not under `checkpoints`; did you mean `ramp`?"),
        ({"route": {"ramp": 1}}, ("route", "ramp"), "`ramp` is itself a route: give its members their shares"),
        ({"route": {"x": 1}}, ("route", "x"), "`x` is this checkpoint itself: name another one"),
    ],
)
def test_wrong_sources(entry, path, message):
    assert among(x=entry) == [(("x", *path), message)]


def test_cycles():
    message = "is made of itself, over the checkpoints that it names: start from a file"
    assert among(a={"from": "b"}, b={"splice": {"*": "a"}}, c={"from": "a"}) == [(("a",), message), (("b",), message)]


def test_what_has_a_wrong_shape_is_skipped():
    assert alone(splice=5) == alone(route=[1]) == []
    assert among(a=5, b={"from": 5}, c={"splice": [1], "structure": 2}, d={"route": "v1"}) == []
