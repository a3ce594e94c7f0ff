"""Calling conventions, and what is said of an argument list that does not fit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from replay.checkpoints.scorers.calling import Arguments, bind, refuse_unfit
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract

T = {"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}


def test_each_convention_gives_the_tensors_in_its_way() -> None:
    def record(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return args, kwargs

    assert bind(record, contract("b", "a"))(T) == ((T["b"], T["a"]), {})
    assert bind(record, contract("b", "a", call="keyword"))(T) == ((), {"a": T["a"], "b": T["b"]})
    assert bind(record, contract("b", "a", call="dict"))(T) == (({"a": T["a"], "b": T["b"]},), {})


def two(a: Any, b: Any) -> None: ...
def optional(a: Any, b: Any = None) -> None: ...
def any_number(*tensors: Any) -> None: ...
def any_names(**tensors: Any) -> None: ...
def only_names(a: Any, *, b: Any) -> None: ...
def only_places(a: Any, b: Any, /) -> None: ...
def one_more(a: Any, b: Any, flag: bool) -> None: ...
def one(batch: Any) -> None: ...


FITS = [
    (two, "positional"),
    (two, "keyword"),
    (optional, "positional"),
    (optional, "keyword"),
    (any_number, "positional"),
    (any_names, "keyword"),
    (only_names, "keyword"),
    (only_places, "positional"),
    (one, "dict"),
    (optional, "dict"),
    (any_number, "dict"),
]


@pytest.mark.parametrize(("function", "call"), FITS)
def test_what_fits(function: Any, call: str) -> None:
    refuse_unfit(Arguments.of(function), contract("a", "b", call=call), "prod")


UNFIT = [
    (one, "positional", r"2 positional inputs \(a, b\), forward\(\) takes 1: \(batch\)"),
    (one, "keyword", "no argument `a`"),
    (one_more, "positional", r"forward\(\) needs 3: \(a, b, flag\)"),
    (one_more, "keyword", "needs an argument `flag`"),
    (only_names, "positional", r"takes 1: \(a, b\)"),
    (only_places, "keyword", "no argument `a`"),
    (two, "dict", r"gives one dict, forward\(\) needs 2"),
    (any_names, "positional", "takes 0"),
]


@pytest.mark.parametrize(("function", "call", "message"), UNFIT)
def test_what_does_not_fit(function: Any, call: str, message: str) -> None:
    with pytest.raises(CheckpointMismatch, match=message):
        refuse_unfit(Arguments.of(function), contract("a", "b", call=call), "prod")


def test_every_wrong_name_is_told_at_once() -> None:
    with pytest.raises(CheckpointMismatch) as caught:
        refuse_unfit(Arguments.of(two), contract("aa", "c", call="keyword"), "prod")
    assert len(str(caught.value).splitlines()) == 4  # aa and c are unknown, a and b are missing


def test_what_cannot_be_read_is_not_judged() -> None:
    refuse_unfit(None, contract("a"), "prod")


def test_a_script_calls_its_module_as_it_likes():
    """The first argument is the module, whatever it is called."""
    arguments = [SimpleNamespace(name=name, has_default_value=lambda: False) for name in ("this", "self_score")]

    assert Arguments.of_script(SimpleNamespace(schema=SimpleNamespace(arguments=arguments))).positional == (
        "self_score",
    )
