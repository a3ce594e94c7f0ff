"""Tensors over bytes of a mapped file, every size and offset checked."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from replay.checkpoints.held import name_of
from replay.checkpoints.safety.placeholders import brief
from replay.errors import CheckpointError, CorruptCheckpoint

DTYPES: Final[dict[str, torch.dtype]] = {
    str(dtype).removeprefix("torch."): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)
}
"""Every dtype of torch by its name."""
MAX_DIMENSIONS: Final = 64
_MAX_EXPANSION: Final = 1 << 33
"""Bytes that a tensor may claim beyond its storage (stride 0): an expanded buffer, not a memory bomb."""


class MappedFile:
    """A file mapped copy-on-write: processes share its pages, and a write stays in the process.

    Args:
        path: A local file, not empty.
        content: What lies inside of another file, instead; ``path`` then only names it.

    Attributes:
        path: As given.
        size: In bytes.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        self._map: mmap.mmap | bytearray
        try:
            self._map = bytearray(content) if content is not None else _mapped(path)
        except ValueError:
            raise CheckpointError(f"{path}: the file is empty; expected a checkpoint. Copy it again") from None
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be read ({error.strerror}); check the path and permissions"
            ) from None
        self.size = len(self._map)
        self.view = memoryview(self._map)

    def read(self, start: int, count: int) -> bytes:
        """A copy of some bytes; fewer at the end of the file."""
        return bytes(self.view[start : start + count])

    def rfind(self, needle: bytes, start: int) -> int:
        """Position of the last occurrence at or after ``start``, or -1."""
        return self._map.rfind(needle, start)

    def storage(self, start: int, count: int, alignment: int = 8) -> torch.UntypedStorage:
        """Bytes of the file as a storage that shares the mapping; a copy only where they are not aligned.

        Args:
            start: First byte.
            count: Number of bytes.
            alignment: Of what they hold, in bytes.
        """
        if count == 0:
            return torch.empty(0, dtype=torch.uint8).untyped_storage()
        if start < 0 or start + count > self.size:
            raise CorruptCheckpoint(
                f"{self.path}: bytes {start} to {start + count} are needed, the file has {self.size}: it is truncated"
            )
        tensor = torch.frombuffer(self._map, dtype=torch.uint8, count=count, offset=start)
        return (tensor.clone() if start % alignment else tensor).untyped_storage()


def _mapped(path: Path) -> mmap.mmap:
    with Path(name_of(path)).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@dataclass(frozen=True)
class TypedStorage:
    """A storage with the type that a pickle gave it."""

    untyped: torch.UntypedStorage
    dtype: torch.dtype

    @property
    def elements(self) -> int:
        """Number of elements."""
        return self.untyped.nbytes() // self.dtype.itemsize


def whole_number(value: object) -> bool:
    """Whether a value from a file is a size: a non-negative int that fits torch, and not a bool."""
    return type(value) is int and 0 <= value < 1 << 62


def tensor_over(
    storage: torch.UntypedStorage,
    dtype: torch.dtype,
    offset: object,
    shape: object,
    strides: object,
    *,
    name: str = "a tensor",
) -> torch.Tensor:
    """A tensor that views a storage.

    Args:
        storage: Its bytes.
        dtype: Of its elements.
        offset: First element.
        shape: Sizes, from an untrusted file.
        strides: In elements, one a dimension.
        name: For messages.

    Raises:
        CorruptCheckpoint: Sizes are no sizes, or reach beyond the storage.
    """
    sizes, steps = _sizes(shape, name), _sizes(strides, name)
    if not whole_number(offset) or len(sizes) != len(steps):
        raise CorruptCheckpoint(f"{name}: offset {brief(offset)}, shape {sizes}, strides {steps} do not fit together")
    assert isinstance(offset, int)
    count = math.prod(sizes)
    if count:
        last = offset + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
        available = storage.nbytes() // dtype.itemsize
        if last >= available:
            raise CorruptCheckpoint(
                f"{name}: offset {offset}, shape {sizes} and strides {steps} reach element {last}, its storage has"
                f" {available}: the file is damaged"
            )
        if count * dtype.itemsize > storage.nbytes() + _MAX_EXPANSION:
            raise CorruptCheckpoint(
                f"{name}: shape {sizes} claims {count * dtype.itemsize:,} bytes over a storage of {storage.nbytes():,}"
                " (a memory bomb)"
            )
    return torch.empty(0, dtype=dtype).set_(storage, offset if count else 0, sizes, steps)


def _sizes(value: object, name: str) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > MAX_DIMENSIONS or not all(map(whole_number, value)):
        shown = f"({', '.join(map(brief, value[:8]))})" if isinstance(value, tuple | list) else brief(value)
        raise CorruptCheckpoint(f"{name}: {shown} is no shape")
    return tuple(value)


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor in C order.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))
