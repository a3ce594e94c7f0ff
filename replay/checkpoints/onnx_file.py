"""Read an ONNX model's weights and signature with the ``onnx`` package, without making a session of it."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from replay.checkpoints.checkpoint import Format, Signature, TensorSpec
from replay.checkpoints.contents import Contents, dtype_name, listed
from replay.checkpoints.operators import allow_by_name
from replay.checkpoints.storages import MappedFile, contiguous_strides, tensor_over
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

_DTYPES: Final = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    4: torch.uint16,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    12: torch.uint32,
    13: torch.uint64,
    14: torch.complex64,
    15: torch.complex128,
    16: torch.bfloat16,
    17: torch.float8_e4m3fn,
    18: torch.float8_e4m3fnuz,
    19: torch.float8_e5m2,
    20: torch.float8_e5m2fnuz,
}
"""By ``TensorProto.DataType``; strings and types below a byte are set aside."""
_DOMAINS: Final = frozenset(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
"""Of the operators that ONNX defines and onnxruntime has beside them."""
_EXTERNAL: Final = 1
_FIELDS: Final = frozenset([1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26])
"""Fields of ``ModelProto``."""
_VARINT, _LENGTH = 0, 2
_GRAPH_FIELD: Final = 7


def is_onnx(file: MappedFile) -> bool:
    """Whether a file is a ``ModelProto``: it begins with its version and consists of the fields of one, to the end.

    Args:
        file: Any.
    """
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
    graphs = list(_graphs(model.graph))
    foreign = _foreign_operators(model, graphs)
    for operator in foreign:
        if operator not in allowed:
            raise UnsafeCheckpoint(
                f"{path}: the graph uses {operator}, which is not an operator that replay knows."
                f" {allow_by_name(operator)}"
            )
    tensors: dict[str, torch.Tensor] = {}
    set_aside = []
    mapped: dict[Path, MappedFile] = {}
    for name, proto in _tensor_protos(graphs):
        tensor = _tensor(proto, path, mapped)
        if tensor is None:
            set_aside.append(f"{name} ({_type_name(proto.data_type)} tensor)")
        else:
            tensors[name] = tensor
    weights = {initializer.name for initializer in model.graph.initializer}
    return Contents(
        Format.ONNX,
        tensors,
        not_parameters=frozenset(tensors.keys() - weights),
        set_aside=tuple(set_aside),
        executes=_executes(graphs, foreign),
        signature=_signature(model.graph),
    )


def external_files(path: Path) -> tuple[Path, ...]:
    """The files beside a model that hold its weights, by name.

    Args:
        path: The ``ModelProto``.
    """
    found = {
        _external_path(proto, path)[0]
        for _, proto in _tensor_protos(list(_graphs(_load(path).graph)))
        if proto.data_location == _EXTERNAL
    }
    for file in found:
        _check_there(file, path)
    return tuple(sorted(found))


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
        return onnx.load_model(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises its own DecodeError, whose place differs between versions
        raise CorruptCheckpoint(f"{path}: cannot be read as an ONNX model ({error}); copy it again") from None


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those inside of its nodes."""
    pending = [graph]
    while pending:
        current = pending.pop()
        yield current
        for node in current.node:
            for attribute in node.attribute:
                pending.extend(attribute.graphs)
                if attribute.HasField("g"):
                    pending.append(attribute.g)


def _tensor_protos(graphs: list[Any]) -> Iterator[tuple[str, Any]]:
    """Stored tensors by name: initializers, then constants in nodes, by the name of their output."""
    for graph in graphs:
        if len(graph.sparse_initializer):
            raise CheckpointError(
                "the ONNX model has sparse weights, expected dense ones; export it with dense weights"
            )
        for initializer in graph.initializer:
            yield initializer.name, initializer
    for graph in graphs:
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield f"{node.output[0] if node.output else node.name}.{attribute.name}", attribute.t


def _tensor(proto: Any, path: Path, mapped: dict[Path, MappedFile]) -> torch.Tensor | None:
    dtype = _DTYPES.get(proto.data_type)
    if dtype is None:
        return None
    shape = tuple(int(size) for size in proto.dims)
    place = f"{path}: {proto.name!r}"
    if any(size < 0 for size in shape):
        raise CorruptCheckpoint(f"{place} has shape {shape}")
    count = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if proto.data_location == _EXTERNAL:
        storage = _external_storage(proto, path, mapped, count)
    else:
        storage = _inline_storage(proto, dtype)
    if storage.nbytes() != count:
        raise CorruptCheckpoint(f"{place} has {storage.nbytes()} bytes, its shape {shape} of {dtype} needs {count}")
    return tensor_over(storage, dtype, 0, shape, contiguous_strides(shape), name=place)


def _inline_storage(proto: Any, dtype: torch.dtype) -> torch.UntypedStorage:
    if proto.HasField("raw_data"):
        raw = bytearray(proto.raw_data)
        return torch.frombuffer(raw or bytearray(1), dtype=torch.uint8)[: len(raw)].clone().untyped_storage()
    if dtype is torch.float32:
        values = torch.tensor(proto.float_data, dtype=dtype)
    elif dtype is torch.float64:
        values = torch.tensor(proto.double_data, dtype=dtype)
    elif dtype is torch.int64:
        values = torch.tensor(proto.int64_data, dtype=dtype)
    elif dtype in (torch.uint32, torch.uint64):
        values = torch.from_numpy(np.array(proto.uint64_data, dtype=dtype_name(dtype)))
    elif dtype.is_complex:
        part = proto.float_data if dtype is torch.complex64 else proto.double_data
        values = torch.tensor(part, dtype=torch.float32 if dtype is torch.complex64 else torch.float64)
    else:
        bits = {1: np.uint8, 2: np.uint16, 4: np.uint32}[dtype.itemsize]
        values = torch.from_numpy(np.array(proto.int32_data, dtype=np.int64).astype(bits))
    return values.untyped_storage()


def _external_path(proto: Any, path: Path) -> tuple[Path, int, int | None]:
    """File, first byte and number of bytes of a tensor that lies beside the model."""
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    parts = location.replace("\\", "/").split("/")
    if not location or location.startswith("/") or ".." in parts or ":" in location or "\0" in location:
        raise UnsafeCheckpoint(
            f"{path}: the weights of {proto.name!r} are said to be in {location!r}, outside of the model's folder"
        )
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries["length"]) if "length" in entries else None
    except ValueError:
        raise CorruptCheckpoint(f"{path}: {proto.name!r} has no readable offset in {location!r}") from None
    if offset < 0 or (length is not None and length < 0):
        raise CorruptCheckpoint(f"{path}: {proto.name!r} has a negative offset or length in {location!r}")
    return path.parent / location, offset, length


def _external_storage(proto: Any, path: Path, mapped: dict[Path, MappedFile], count: int) -> torch.UntypedStorage:
    file, offset, length = _external_path(proto, path)
    _check_there(file, path)
    if file not in mapped:
        mapped[file] = MappedFile(file)
    return mapped[file].storage(offset, count if length is None else length)


def _check_there(file: Path, path: Path) -> None:
    if not file.is_file():
        raise CorruptCheckpoint(f"{path}: its weights {file.name} are missing beside it; copy them as well")


def _type_name(data_type: int) -> str:
    known = importlib.import_module("onnx").TensorProto.DataType
    return str(known.Name(data_type)).lower() if data_type in known.values() else f"type {data_type}"


def _foreign_operators(model: Any, graphs: list[Any]) -> list[str]:
    """Operators that neither onnxruntime has nor the file defines."""
    own = {(function.domain, function.name) for function in model.functions}
    bodies = [*graphs, *(part for function in model.functions for part in _graphs(function))]
    nodes = [node for part in bodies for node in part.node]
    return sorted(
        {
            f"{node.domain}.{node.op_type}"
            for node in nodes
            if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own
        }
    )


def _executes(graphs: list[Any], foreign: list[str]) -> tuple[str, ...]:
    counts = Counter(node.op_type for graph in graphs for node in graph.node)
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
    dtype = _DTYPES.get(tensor.elem_type)
    name = dtype_name(dtype) if dtype is not None else _type_name(tensor.elem_type) if tensor.elem_type else None
    if not tensor.HasField("shape"):
        return TensorSpec(value.name, name)
    sizes = tuple(
        int(size.dim_value) if size.HasField("dim_value") else size.dim_param or "?" for size in tensor.shape.dim
    )
    return TensorSpec(value.name, name, sizes)
