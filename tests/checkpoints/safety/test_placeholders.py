"""Stand-ins: whatever a pickle does to one has no effect, and what it was given is kept or named."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict, defaultdict
from typing import Any

import pytest

from replay.checkpoints.safety.placeholders import (
    Mapping,
    Placeholder,
    Unreadable,
    brief,
    describe,
    placeholder_class,
)


class Standing(pickle.Unpickler):
    """Python's own unpickler over placeholders alone."""

    def find_class(self, module: str, name: str) -> Any:
        return placeholder_class(f"{module}.{name}")


def standing(value: object, protocol: int) -> Any:
    return Standing(io.BytesIO(pickle.dumps(value, protocol))).load()


class Config:
    def __init__(self) -> None:
        self.width = 4


class Names(list[str]):
    pass


class Kinds(set[str]):
    pass


@pytest.mark.parametrize("protocol", range(6))
def test_an_object_keeps_its_state(protocol: int) -> None:
    found = standing(Config(), protocol)
    assert isinstance(found, Placeholder)
    state = found.state[1] if isinstance(found.state, tuple) else found.state
    assert state == {"width": 4}
    assert found.items == {}


@pytest.mark.parametrize("protocol", range(6))
def test_a_mapping_keeps_its_items(protocol: int) -> None:
    found = standing({"a": OrderedDict(w=1), "b": defaultdict(None, w=2)}, protocol)
    assert [value.origin for value in found.values()] == ["collections.OrderedDict", "collections.defaultdict"]
    if protocol >= 2:  # before, OrderedDict is called with a list
        assert [value.items for value in found.values()] == [{"w": 1}, {"w": 2}]


@pytest.mark.parametrize("value", [Names(["a", "b"]), Kinds({"a"})])
def test_elements_of_other_containers_are_ignored(value: object) -> None:
    found = standing(value, 4)
    assert isinstance(found, Placeholder)
    assert found.items == {}


def test_one_is_inert_whatever_is_done_to_it() -> None:
    found = placeholder_class("os.system")("rm", at="all")
    found.append(1)
    found.extend([1, 2])
    found.add(3)
    found["key"] = "value"
    found.__setstate__({"shell": True})
    assert (found.items, found.state) == ({"key": "value"}, {"shell": True})
    assert repr(found) == "<placeholder for os.system>"
    assert not hasattr(found, "shell")


def test_each_global_has_a_class_and_each_object_its_own_items() -> None:
    first, second = placeholder_class("my_team.A"), placeholder_class("my_team.B")
    assert (first.origin, second.origin, Placeholder.origin) == ("my_team.A", "my_team.B", "")
    one, other = first(), first()
    one["key"] = 1
    assert other.items == {}


def test_a_mapping_ignores_attributes() -> None:
    found = Mapping(w=1)
    found.__setstate__({"_metadata": 1})
    assert found == {"w": 1}
    assert not hasattr(found, "_metadata")


class Loud:
    def __repr__(self) -> str:
        raise AssertionError("asked for its words")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (-3, "-3"),
        (2.5, "2.5"),
        (2**127 - 1, str(2**127 - 1)),
        (2**127, "int"),
        ("a\nb", r"'a\nb'"),
        ("x" * 81, repr("x" * 80)),
        (b"ab", "bytes"),
        ([1], "list"),
        ((1,), "tuple"),
        ({"a": 1}, "dict"),
        (Mapping(), "Mapping"),
        (Loud(), "Loud"),
        (type("Text", (str,), {})("a"), "Text"),
        (type("Number", (int,), {})(1), "Number"),
    ],
)
def test_a_value_in_brief(value: object, text: str) -> None:
    assert brief(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (placeholder_class("my_team.Config")(), "class my_team.Config"),
        (placeholder_class("my_team.Config"), "name my_team.Config"),
        (Unreadable("sparse"), "sparse tensor"),
        (Mapping(a=1), "dict"),
        ({}, "dict"),
        ([], "list"),
        (None, "NoneType"),
        (int, "type"),
        (Loud(), "Loud"),
    ],
)
def test_what_a_value_is(value: object, text: str) -> None:
    assert describe(value) == text


def test_a_tensor_that_is_not_read_ignores_attributes() -> None:
    found = Unreadable("quantized")
    found.__setstate__({"kind": "dense"})
    assert found.kind == "quantized"
