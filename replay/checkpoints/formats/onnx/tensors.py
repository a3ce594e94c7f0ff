"""Tensors of an ONNX model as torch's, from the model's file or from one beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from replay.checkpoints.contents import dtype_name
from replay.checkpoints.safety.storages import MAX_DIMENSIONS, MappedFile, contiguous_strides, tensor_over
from replay.errors import CorruptCheckpoint, UnsafeCheckpoint

ONNX_DTYPES: Final = {
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
_EXTERNAL: Final = 1
_MAX_DIGITS: Final = 19


class Place(NamedTuple):
    """Where a tensor lies beside the model.

    Attributes:
        file: Checked: it is there, in the model's folder.
        offset: First byte.
        length: Number of bytes, or None.
    """

    file: Path
    offset: int
    length: int | None


def read_tensor(proto: Any, path: Path, mapped: dict[Path, MappedFile]) -> torch.Tensor | None:
    """A stored tensor; None for text and types below a byte.

    Args:
        proto: A ``TensorProto``.
        path: The model's.
        mapped: Files beside the model that were mapped before; more are added.

    Raises:
        CorruptCheckpoint: Sizes do not add up, or the file beside the model is missing.
        UnsafeCheckpoint: It is said to lie outside of the model's folder.
    """
    dtype = ONNX_DTYPES.get(proto.data_type)
    if dtype is None:
        return None
    shape = tuple(int(size) for size in proto.dims)
    place = f"{path}: {proto.name!r}"
    if len(shape) > MAX_DIMENSIONS or any(size < 0 for size in shape):
        raise CorruptCheckpoint(f"{place} has {len(shape):,} dimensions, or a negative size: {shape[:8]}")
    count = int(np.prod(shape, dtype=object)) * dtype.itemsize
    storage = _external_storage(proto, path, mapped, count) if is_external(proto) else _inline_storage(proto, dtype)
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


def is_external(proto: Any) -> bool:
    """Whether a tensor lies in a file beside the model."""
    return bool(proto.data_location == _EXTERNAL)


def external_location(proto: Any, path: Path) -> str:
    """Name of the file in which a tensor lies that is external, as seen from the model's folder.

    Raises:
        UnsafeCheckpoint: It leads out of the folder.
    """
    location = {entry.key: entry.value for entry in proto.external_data}.get("location", "")
    parts = location.replace("\\", "/").split("/")
    # With a star, onnxruntime marks what is an address in memory instead of a file.
    if not location or location.startswith("/") or ".." in parts or any(sign in location for sign in ":*\0"):
        raise _outside(proto, path, location)
    return str(location)


def external_place(proto: Any, path: Path) -> Place:
    """Where a tensor lies that is external.

    Args:
        proto: A ``TensorProto``.
        path: The model's.

    Raises:
        CorruptCheckpoint: What is said of its place cannot be read, or the file is missing.
        UnsafeCheckpoint: The file is outside of the model's folder.
    """
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = external_location(proto, path)
    numbers = [entries.get("offset", "0"), entries.get("length", "0")]
    # int() reads more than onnxruntime does, and of a key that is there twice each may take another one.
    if len(entries) != len(proto.external_data) or not all(_is_size(number) for number in numbers):
        raise CorruptCheckpoint(
            f"{path}: {proto.name!r} has no readable offset and length in {location!r}; export the model again"
        )
    file = path.parent / location
    if not file.is_file():
        raise CorruptCheckpoint(f"{path}: its weights {file.name} are missing beside it; copy them as well")
    # A store of downloads has links to the model and its weights, whose files lie side by side elsewhere.
    folders = (path.parent.resolve(), path.resolve().parent)
    if not any(file.resolve().is_relative_to(folder) for folder in folders):
        raise _outside(proto, path, location)
    return Place(file, int(numbers[0]), int(numbers[1]) if "length" in entries else None)


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < _MAX_DIGITS


def _outside(proto: Any, path: Path, location: str) -> UnsafeCheckpoint:
    return UnsafeCheckpoint(
        f"{path}: the weights of {proto.name!r} are said to be in {location!r}, outside of the model's folder; export"
        " the model with its weights beside it"
    )


def _external_storage(proto: Any, path: Path, mapped: dict[Path, MappedFile], count: int) -> torch.UntypedStorage:
    file, offset, length = external_place(proto, path)
    if file not in mapped:
        mapped[file] = MappedFile(file)
    return mapped[file].storage(offset, count if length is None else length)
