"""What an ONNX model holds, wherever in it: in graphs, graphs inside of nodes, functions, and defaults of functions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

NODE: Final = "onnx.NodeProto"
TENSOR: Final = "onnx.TensorProto"
SPARSE: Final = "onnx.SparseTensorProto"


def parts(model: Any, *kinds: str) -> Iterator[tuple[str, Any]]:
    """Every message of some kinds. The walk follows each field that holds messages, so that none is forgotten.

    Args:
        model: A ``ModelProto``.
        kinds: Of ``NODE``, ``TENSOR`` and ``SPARSE``.

    Yields:
        What it is called, and the message; the main graph's own first. Names need not be unique.
    """
    pending = deque([("", "", model)])
    while pending:
        scope, name, message = pending.popleft()
        found = message.DESCRIPTOR.full_name
        if found in kinds:
            yield f"{scope}{name}", message
        if found == TENSOR:
            continue  # its fields are numbers
        scope = f"{message.domain}.{message.name}/" if found == "onnx.FunctionProto" else scope
        for field, value in message.ListFields():
            if field.message_type is not None:
                several = not hasattr(value, "ListFields")
                for index, child in enumerate(value if several else [value]):
                    suffix = f".{index}" if several else ""
                    pending.append((scope, _called(child, name, suffix), child))


def _called(message: Any, owner: str, suffix: str) -> str:
    """A node by its first output, an attribute after its node, its tensors after the attribute, all else by name."""
    kind = message.DESCRIPTOR.full_name
    if kind == NODE:
        return str(message.output[0] if message.output else message.name)
    if kind == "onnx.AttributeProto":
        return f"{owner}.{message.name}"
    if kind == TENSOR:
        return f"{owner}{suffix}" if owner else str(message.name)
    return ""
