"""Texts of a program with their fields, by torch's own schema: of real programs, and of ones with a value changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from replay.checkpoints.formats.torch_export.schema import SchemaError, texts


def strings(value: Any) -> int:
    """How many texts there are, keys of classes aside."""
    if isinstance(value, dict):
        return sum(map(strings, value.values()))
    return sum(map(strings, value)) if isinstance(value, list) else isinstance(value, str)


def test_every_text_comes_with_its_field(program: Any) -> None:
    found = list(texts(program))
    assert ("Node", "target", "torch.ops.aten.linear.default") in found
    assert ("Graph", "tensor_values[]", "ids") in found
    values = [text for _, field, text in found if not field.endswith("[]")]
    assert len(values) == strings(program)


def _unknown_field(program: Any) -> None:
    program["graph_module"]["graph"]["nodes"][0]["hook"] = "x"


def _text_for_a_number(program: Any) -> None:
    program["schema_version"]["major"] = "8"


def _truth_for_a_number(program: Any) -> None:
    program["schema_version"]["major"] = True


def _two_of_a_union(program: Any) -> None:
    program["graph_module"]["graph"]["inputs"][0]["as_int"] = 1


def _list_for_a_mapping(program: Any) -> None:
    program["graph_module"] = []


@pytest.mark.parametrize(
    "change", [_unknown_field, _text_for_a_number, _truth_for_a_number, _two_of_a_union, _list_for_a_mapping]
)
def test_another_form_is_refused(program: Any, change: Callable[[Any], None]) -> None:
    changed = copy.deepcopy(program)
    change(changed)
    with pytest.raises(SchemaError):
        list(texts(changed))
