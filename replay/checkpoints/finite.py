"""Count NaN and Inf in weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch

_CHUNK_BYTES = 1 << 24


def count_non_finite(tensor: torch.Tensor) -> int:
    """How many elements are NaN or infinite; of a complex one, how many have such a part.

    Args:
        tensor: Of any shape, strides and dtype. Integers are always finite.

    >>> count_non_finite(torch.tensor([1.0, float("nan"), float("-inf")]))
    2
    """
    if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex) or tensor.numel() == 0:
        return 0
    repeats = 1
    for dimension, (size, step) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if step == 0 and size > 1:
            tensor = tensor.narrow(dimension, 0, 1)
            repeats *= size
    flat = tensor.detach().reshape(-1)
    rows = max(1, _CHUNK_BYTES // tensor.dtype.itemsize)
    counts = [_count(flat[start : start + rows]) for start in range(0, flat.numel(), rows)]
    return repeats * sum(counts)


def _count(chunk: torch.Tensor) -> int:
    if chunk.dtype.is_complex:
        chunk = chunk.to(torch.complex64) if chunk.dtype is torch.complex32 else chunk
        return int((~torch.isfinite(chunk)).sum())
    if chunk.dtype.itemsize == 1:
        chunk = chunk.to(torch.float32)
    low, high = torch.aminmax(chunk)  # NaN goes through both, so one cheap pass tells that all are finite
    if bool(torch.isfinite(low)) and bool(torch.isfinite(high)):
        return 0
    return int((~torch.isfinite(chunk)).sum())


def non_finite_tensors(tensors: Mapping[str, torch.Tensor]) -> tuple[tuple[str, int], ...]:
    """Names of the tensors that hold NaN or Inf, with how many, in order; shared memory is looked at once."""
    counts: dict[tuple[object, ...], int] = {}
    found = []
    for name, tensor in tensors.items():
        place = (
            tensor.untyped_storage().data_ptr(),
            tensor.storage_offset(),
            tuple(tensor.shape),
            tensor.stride(),
            tensor.dtype,
        )
        if place not in counts or not tensor.numel():
            counts[place] = count_non_finite(tensor)
        if counts[place]:
            found.append((name, counts[place]))
    return tuple(found)


def is_mask(tensor: torch.Tensor) -> bool:
    """Whether a tensor only holds 0 and -Inf, as an additive attention mask does.

    >>> is_mask(torch.tensor([[0.0, float("-inf")], [0.0, 0.0]]))
    True
    """
    return tensor.dtype.is_floating_point and bool(((tensor == 0) | (tensor == float("-inf"))).all())
