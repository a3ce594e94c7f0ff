"""Read an ONNX model's weights and signature with the ``onnx`` package, without making a session of it."""

from __future__ import annotations

import importlib
from collections import Counter, deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import torch

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.contents import Contents, dtype_name, listed
from replay.checkpoints.formats.onnx.tensors import (
    ONNX_DTYPES,
    external_location,
    external_place,
    is_external,
    read_tensor,
)
from replay.checkpoints.held import name_of
from replay.checkpoints.safety.operators import allow_by_name
from replay.checkpoints.safety.storages import MappedFile
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

_DOMAINS: Final = frozenset(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
"""Of the operators that ONNX defines and onnxruntime has beside them."""
_FIELDS: Final = frozenset([1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26])
"""Fields of ``ModelProto``."""
_VARINT, _LENGTH = 0, 2
_NODE: Final = "onnx.NodeProto"
_TENSOR: Final = "onnx.TensorProto"
_SPARSE: Final = "onnx.SparseTensorProto"
_GRAPH_FIELD: Final = 7
ORT_MAGIC: Final = b"ORTM"
"""At byte 4 of a file in onnxruntime's own format. A file can be of both formats, and hold another model in each."""


def is_onnx(file: MappedFile) -> bool:
    """Whether a file is a ``ModelProto``: it begins with its version and consists of the fields of one, to the end.

    One that onnxruntime could read in its own format as well is not.

    Args:
        file: Any.
    """
    if file.read(4, 4) == ORT_MAGIC:
        return False
    if file.read(0, 1) != b"\x08" or not 0 < int.from_bytes(file.read(1, 1), "little") < 64:
        return False
    return _looks_whole(file) is not None


def _looks_whole(file: MappedFile) -> bool | None:
    """True for all of a model, False for one that is cut short, None for something else."""
    position, fields = 0, []
    while position < file.size:
        tag, position = _varint(file, position)
        number, kind = tag >> 3, tag & 7
        if number not in _FIELDS or kind not in (_VARINT, _LENGTH):
            return None
        value, position = _varint(file, position)
        fields.append(number)
        position += value if kind == _LENGTH else 0
    if _GRAPH_FIELD not in fields:
        return None
    return position == file.size


def _varint(file: MappedFile, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(file.read(position, 10)):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    return 0, file.size + 1


def read_onnx(path: Path, allowed: Collection[str] = ()) -> Contents:
    """Read a model and the weights beside it.

    Args:
        path: The ``ModelProto``.
        allowed: Operators of other libraries that the user allows.

    Raises:
        CheckpointError: The ``onnx`` package is missing.
        CorruptCheckpoint: Sizes do not add up, or weights beside the model are missing.
        UnsafeCheckpoint: Weights are said to lie outside of the model's folder, or operators are of a library that is
            not known.
    """
    model = _load(path)
    nodes = [node for _, node in parts(model, _NODE)]
    foreign = _foreign_operators(model, nodes)
    for operator in foreign:
        if operator not in allowed:
            raise UnsafeCheckpoint(
                f"{path}: the graph uses {operator}, which is not an operator that replay knows."
                f" {allow_by_name(operator)}"
            )
    tensors: dict[str, torch.Tensor] = {}
    set_aside = []
    mapped: dict[Path, MappedFile] = {}
    for name, proto in _stored_tensors(model):
        tensor = read_tensor(proto, path, mapped)
        if tensor is None:
            set_aside.append(f"{name} ({_type_name(proto.data_type)} tensor)")
        else:
            tensors[name] = tensor
    weights = {initializer.name for initializer in model.graph.initializer}
    return Contents(
        "onnx",
        tensors,
        not_parameters=frozenset(tensors.keys() - weights),
        set_aside=tuple(set_aside),
        executes=_executes(nodes, foreign),
        signature=_signature(model.graph),
    )


def external_files(path: Path) -> tuple[Path, ...]:
    """The files beside a model that hold its weights, by name.

    Args:
        path: The ``ModelProto``.
    """
    found = {external_place(proto, path) for _, proto in _stored_tensors(_load(path)) if is_external(proto)}
    return tuple(sorted({place.file for place in found}))


def external_names(path: Path) -> tuple[str, ...]:
    """The same as seen from the model's folder, whether they are there or not."""
    protos = (proto for _, proto in _stored_tensors(_load(path)) if is_external(proto))
    return tuple(sorted({external_location(proto, path) for proto in protos}))


def _load(path: Path) -> Any:
    try:
        onnx = importlib.import_module("onnx")
    except ImportError:
        raise CheckpointError(
            f"{path}: an ONNX model needs the package onnx; install it with: pip install 'replay-engine[onnx]'"
        ) from None
    if _looks_whole(MappedFile(path)) is False:
        raise CorruptCheckpoint(f"{path}: the ONNX model is truncated; copy it again from its source")
    try:
        # The format is said, or it would go by the file's name.
        return onnx.load_model(name_of(path), format="protobuf", load_external_data=False)
    except Exception as error:  # protobuf raises its own DecodeError, whose place differs between versions
        raise CorruptCheckpoint(f"{path}: cannot be read as an ONNX model ({error}); copy it again") from None


def _stored_tensors(model: Any) -> Iterator[tuple[str, Any]]:
    """Every tensor that a model holds, under a name of its own."""
    taken: dict[str, int] = {}
    for name, proto in parts(model, _TENSOR, _SPARSE):
        if proto.DESCRIPTOR.full_name == _SPARSE:
            raise CheckpointError(
                "the ONNX model has sparse weights, expected dense ones; export it with dense weights"
            )
        unique = name
        while unique in taken:  # an inner graph may use a name again
            taken[name] += 1
            unique = f"{name}#{taken[name]}"
        taken[unique] = 1
        yield unique, proto


def parts(model: Any, *kinds: str) -> Iterator[tuple[str, Any]]:
    """Every message of some kinds, wherever: in graphs, graphs inside of nodes, functions, and defaults of functions.

    The walk follows each field that holds messages, so that none is forgotten.

    Args:
        model: A ``ModelProto``.
        kinds: Of ``NodeProto``, ``TensorProto`` and ``SparseTensorProto``.

    Yields:
        What it is called, and the message; the main graph's own first. Names need not be unique.
    """
    pending = deque([("", "", model)])
    while pending:
        scope, name, message = pending.popleft()
        found = message.DESCRIPTOR.full_name
        if found in kinds:
            yield f"{scope}{name}", message
        if found == _TENSOR:
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
    if kind == _NODE:
        return str(message.output[0] if message.output else message.name)
    if kind == "onnx.AttributeProto":
        return f"{owner}.{message.name}"
    if kind == _TENSOR:
        return f"{owner}{suffix}" if owner else str(message.name)
    return ""


def _type_name(data_type: int) -> str:
    known = importlib.import_module("onnx").TensorProto.DataType
    return str(known.Name(data_type)).lower() if data_type in known.values() else f"type {data_type}"


def _foreign_operators(model: Any, nodes: list[Any]) -> list[str]:
    """Operators that neither onnxruntime has nor the file defines."""
    own = {(function.domain, function.name) for function in model.functions}
    return sorted(
        {
            f"{node.domain}.{node.op_type}"
            for node in nodes
            if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own
        }
    )


def _executes(nodes: list[Any], foreign: list[str]) -> tuple[str, ...]:
    counts = Counter(node.op_type for node in nodes)
    used = listed((f"{name} x{count}" for name, count in counts.most_common()), 8)
    lines = [f"ONNX graph: {sum(counts.values())} nodes ({used})"]
    if foreign:
        lines.append(f"operators that a library of yours must register: {listed(foreign)}")
    return tuple(lines)


def _signature(graph: Any) -> Signature:
    stored = {initializer.name for initializer in graph.initializer}
    inputs = tuple(_spec(value) for value in graph.input if value.name not in stored)
    outputs = tuple(_spec(value) for value in graph.output)
    return Signature(inputs, outputs, "tensor" if len(outputs) == 1 else "dict")


def _spec(value: Any) -> TensorSpec:
    tensor = value.type.tensor_type
    dtype = ONNX_DTYPES.get(tensor.elem_type)
    name = dtype_name(dtype) if dtype is not None else _type_name(tensor.elem_type) if tensor.elem_type else None
    if not tensor.HasField("shape"):
        return TensorSpec(value.name, name)
    sizes = tuple(
        int(size.dim_value) if size.HasField("dim_value") else size.dim_param or "?" for size in tensor.shape.dim
    )
    return TensorSpec(value.name, name, sizes)
