"""The list of operators: all of them torch's, none that takes a file."""

from __future__ import annotations

import torch

from replay.checkpoints.safety.operators import OPERATORS, known_class, known_operator


def test_no_operator_of_the_list_takes_a_place_of_a_file() -> None:
    """What torch says of its operators: none of the list takes an argument that it calls a file, a path or the like."""
    named = {
        schema.name
        for schema in torch._C._jit_get_all_schemas()
        for argument in schema.arguments
        if str(argument.type) == "str" and any(word in argument.name for word in ("file", "path", "url", "library"))
    }
    assert {"aten::save", "aten::from_file"} <= named
    assert not [name for name in named if known_operator(*name.split("::"))]


def test_the_operators_of_the_list_are_those_of_torch() -> None:
    """A name that is misspelt would allow nothing, and hide that something is missing."""
    import torch.ao.quantization.fx._decomposed

    there = {tuple(schema.name.split("::")) for schema in torch._C._jit_get_all_schemas()}
    there |= {tuple(name.split(".")[0].split("::")) for name in torch._C._dispatch_get_all_op_names()}
    missing = [f"{space}.{name}" for space, names in OPERATORS.items() for name in names if (space, name) not in there]
    assert len(missing) < 40, missing  # some come and go between versions and builds of torch
    assert known_class("quantized.LinearPackedParamsBase")
    assert not known_class("my_team.Index")
