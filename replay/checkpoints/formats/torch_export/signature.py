"""Inputs and outputs of a torch.export program, from its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import torch

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.contents import dtype_name
from replay.errors import CorruptCheckpoint

SCALAR_TYPES: Final = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
    28: torch.uint16,
    29: torch.float8_e4m3fn,
    30: torch.float8_e5m2,
    31: torch.float8_e4m3fnuz,
    32: torch.float8_e5m2fnuz,
    33: torch.float8_e8m0fnu,
    34: torch.uint32,
    35: torch.uint64,
}
"""dtypes by their number in the program (``torch/_export/serde/schema.py``)."""


def program_signature(program: Any, place: str) -> Signature:
    """Inputs and outputs of the program.

    Args:
        program: The JSON of ``models/*.json``, checked.
        place: The file, for messages.

    Raises:
        CorruptCheckpoint: The program lacks its graph.
    """
    try:
        return _signature(program["graph_module"])
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, StopIteration, RecursionError) as error:
        raise CorruptCheckpoint(f"{place}: the program has no readable graph ({error!r}); export it again") from None


def _signature(module: dict[str, Any]) -> Signature:
    values, specs = module["graph"]["tensor_values"], module["signature"]
    inputs = [_spec(entry["user_input"]["arg"], values) for entry in specs["input_specs"] if "user_input" in entry]
    outputs = [_spec(entry["user_output"]["arg"], values) for entry in specs["output_specs"] if "user_output" in entry]
    tree = json.loads(module["module_call_graph"][0]["signature"]["out_spec"])[1]
    paths = list(_leaf_paths(tree))
    if len(paths) == len(outputs):
        outputs = [TensorSpec(path, spec.dtype, spec.shape) for path, spec in zip(paths, outputs, strict=True)]
    return Signature(tuple(inputs), tuple(outputs), _structure(tree))


def _spec(argument: dict[str, Any], values: dict[str, Any]) -> TensorSpec:
    kind, body = next(iter(argument.items()))
    name = str(body.get("name") or body.get("as_name") or "") if isinstance(body, dict) else ""
    meta = values.get(name) if kind == "as_tensor" else None
    if meta is None:
        return TensorSpec(name, kind.removeprefix("as_"), () if kind.startswith("as_sym") else None)
    dtype = SCALAR_TYPES.get(meta["dtype"])
    return TensorSpec(name, dtype_name(dtype) if dtype else None, tuple(_size(size) for size in meta["sizes"]))


def _size(size: dict[str, Any]) -> int | str:
    if "as_int" in size:
        return int(size["as_int"])
    text = str(size["as_expr"]["expr_str"])
    return re.sub(r"Symbol\('(\w+)'[^)]*\)", r"\1", re.sub(r"Integer\((-?\d+)\)", r"\1", text))


def _structure(tree: dict[str, Any]) -> str:
    kind = tree["type"]
    if kind is None:
        return "tensor"
    return {"builtins.tuple": "tuple", "builtins.list": "list", "builtins.dict": "dict"}.get(kind, str(kind))


def _leaf_paths(tree: Any, prefix: str = "") -> Iterator[str]:
    """Paths to the leaves of an output: ``0``, ``ctr``, ``heads.1``."""
    children = tree.get("children_spec") or [] if isinstance(tree, dict) else []
    if isinstance(tree, dict) and tree.get("type") is None:
        yield prefix
        return
    names = _child_names(tree, len(children))
    for name, child in zip(names, children, strict=False):
        yield from _leaf_paths(child, f"{prefix}.{name}" if prefix else name)


def _child_names(tree: Any, count: int) -> list[str]:
    try:
        context = json.loads(tree["context"]) if isinstance(tree.get("context"), str) else None
    except ValueError:
        context = None
    if isinstance(context, list) and len(context) == count and all(isinstance(name, str | int) for name in context):
        return [str(name) for name in context]
    return [str(index) for index in range(count)]
