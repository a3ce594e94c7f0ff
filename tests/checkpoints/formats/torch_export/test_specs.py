"""How arguments and answers are nested: the form that torch writes, and no text that could end a literal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replay.checkpoints.formats.torch_export.specs import spec_reason

LEAF = {"type": None, "context": None, "children_spec": []}


def spec(context: Any, kind: str = "builtins.dict", **more: Any) -> str:
    return json.dumps([1, {"type": kind, "context": context, "children_spec": [LEAF], **more}])


@pytest.mark.parametrize(
    "text",
    [
        spec('["a"]'),
        spec("[0, 1]"),
        spec("my.Batch", "collections.namedtuple"),
        spec('[["a", "b"], ["c"]]', "my.Rows"),
        spec("null", "builtins.list"),
        spec(
            {"default_factory_module": "builtins", "default_factory_name": "list", "dict_context": ["a"]},
            "collections.defaultdict",
        ),
    ],
)
def test_specs_as_torch_writes_them_are_fine(text: str) -> None:
    assert spec_reason(text, of_arguments=False) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the form"),
        ("[", "the form"),
        ("{}", "the form"),
        (json.dumps([1, LEAF, LEAF]), "the form"),
        (json.dumps(["1", LEAF]), "the form"),
        (spec("null", more=1), "the form"),
        (spec("null", "a; b"), "the form"),
        (spec("""["it's"]"""), "without quotes"),
        (spec("it's"), "without quotes"),
        (spec('["a\\nb"]'), "without quotes"),
        (spec('{"__enum__": true}'), "import a module"),
        (spec('  {"__enum__": true}'), "import a module"),
        (spec('"{\\"__enum__\\": true}"'), "import a module"),
        (spec({"default_factory_module": "os", "default_factory_name": "list"}), "import a module"),
        (spec({"default_factory_module": "builtins", "default_factory_name": "exit"}), "import a module"),
    ],
)
def test_other_specs_are_refused(text: str, reason: str) -> None:
    found = spec_reason(text, of_arguments=False)
    assert found is not None
    assert reason in found


def arguments(*names: str) -> str:
    by_place = {"type": "builtins.tuple", "context": "null", "children_spec": [LEAF]}
    by_name = {"type": "builtins.dict", "context": json.dumps(names), "children_spec": [LEAF] * len(names)}
    return json.dumps([1, {"type": "builtins.tuple", "context": "null", "children_spec": [by_place, by_name]}])


def test_arguments_have_plain_names() -> None:
    assert spec_reason(arguments("user_idx", "y"), of_arguments=True) is None
    for name in ("y=f()", "*y", "a b", "lambda", "", "y:int"):
        assert spec_reason(arguments(name), of_arguments=True) == "expected plain names of arguments"
    assert spec_reason(json.dumps([1, LEAF]), of_arguments=True)
    assert spec_reason(spec('["a"]'), of_arguments=True)
