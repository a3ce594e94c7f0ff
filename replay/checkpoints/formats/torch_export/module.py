"""A second look at a torch.export program: at the modules that torch made of it, before anything of them is called.

What the texts of the file say is checked before. Here it is what came of them: that source fetches tensors and
subgraphs of the module and nothing else, and calls operators that are known.
"""

from __future__ import annotations

import math
import operator
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any, Final

import torch
from torch import fx, nn

from replay.checkpoints.formats.torch_export.expressions import SYMBOLIC_NAMES
from replay.checkpoints.formats.torch_export.graph import HIGHER_ORDER
from replay.checkpoints.formats.torch_export.internals import called_operator, higher_order_name
from replay.checkpoints.safety.operators import known_operator
from replay.errors import UnsafeCheckpoint

_GUARDS: Final = "_guards_fn"
_HOLDERS: Final = {"_operator": operator, "math": math, "torch": torch}
_SYMBOLIC: Final = [getattr(_HOLDERS[holder], name, None) for holder, names in SYMBOLIC_NAMES.items() for name in names]
"""Arithmetic over sizes, by functions of Python and torch."""


def refuse_stray(module: nn.Module, name: str, allowed: Collection[str]) -> None:
    """Refuse a module whose source reaches outside of it.

    Args:
        module: As ``ExportedProgram.module()`` gives it.
        name: The checkpoint's, for the message.
        allowed: Operators that the user allows beside those of torch that are known.

    Raises:
        UnsafeCheckpoint: A node fetches or calls something else than its tensors, its subgraphs and known operators.
    """
    for part in module.modules():
        if isinstance(part, fx.GraphModule):
            for node in part.graph.nodes:
                reason = next(_stray(part, node, allowed), None)
                if reason is not None:
                    raise UnsafeCheckpoint(
                        f"checkpoint {name!r}: the program's node {node.name!r} ({node.op} {str(node.target)[:80]})"
                        f" {reason}: it may reach outside of the model. Nothing of it was called; export it again"
                    )


def _stray(module: fx.GraphModule, node: fx.Node, allowed: Collection[str]) -> Iterator[str]:
    if node.name == "self" or unicodedata.normalize("NFKC", node.name) != node.name:
        yield "has the name of something else"
    if node.op == "get_attr" and _fetched(module, str(node.target)) is None:
        yield "fetches no tensor or subgraph of the module"
    if node.op == "call_function":
        yield from _stray_call(module, node, allowed)
    if node.op == "call_method" or (node.op == "call_module" and node.target != _GUARDS):
        yield "calls a module or a method"


def _fetched(module: nn.Module, path: str) -> Any:
    """What a path gives: a tensor or a subgraph, found without asking the objects on the way for attributes."""
    *parents, last = path.split(".")
    if unicodedata.normalize("NFKC", path) != path:
        return None
    current: nn.Module | None = module
    for part in parents:
        current = current._modules.get(part) if current is not None else None
    if current is None:
        return None
    for held in (current._parameters, current._buffers, current._modules, vars(current)):
        found = held.get(last)
        if isinstance(found, torch.Tensor | fx.GraphModule):
            return found
    return None


def _stray_call(module: fx.GraphModule, node: fx.Node, allowed: Collection[str]) -> Iterator[str]:
    target = node.target
    if operator_name := called_operator(target):
        if not known_operator(*operator_name, allowed):
            yield "calls an operator that is not known"
    elif higher_order := higher_order_name(target):
        places = HIGHER_ORDER.get(higher_order)
        if places is None:
            yield "calls a higher-order operator that is not known"
        elif not all(_is_subgraph(module, node, place) for place in places):
            yield "calls something else than a subgraph"
    elif not any(target is known for known in _SYMBOLIC):
        yield "calls a function that is no operator"


def _is_subgraph(module: fx.GraphModule, node: fx.Node, place: int) -> bool:
    given = node.args[place] if place < len(node.args) else None
    if not isinstance(given, fx.Node) or given.op != "get_attr":
        return False
    return isinstance(_fetched(module, str(given.target)), fx.GraphModule)
