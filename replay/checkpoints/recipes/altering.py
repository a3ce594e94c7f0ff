"""What a derived checkpoint does to a tensor: pure functions, the same bits on every machine.

A random choice about an element is a hash of a salt and the element's index in C order: not of its neighbours, the
memory layout or the process.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from replay.hashing import bits, normal, uniform

ALTERABLE = frozenset(
    {
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.float8_e4m3fnuz,
        torch.float8_e5m2fnuz,
    }
)
"""Floating types that torch converts to and from float32."""

_CHUNK = 1 << 16  # elements: what is computed of them stays in the caches
_INT8_MOST = 127.0


def rounded(tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    """Round to a narrower type and back.

    Args:
        tensor: Of a type in ``ALTERABLE``.
        dtype: ``bfloat16``, ``float16`` (beyond 65504: Inf), or ``int8``: multiples of ``max|w| / 127``, half to even;
            NaN and Inf stay, and do not count for the maximum.

    Returns:
        A new tensor of the same shape and type.

    >>> rounded(torch.tensor([1.0, 0.5, -127.0]), "int8").tolist()
    [1.0, 0.0, -127.0]
    """
    if dtype != "int8":
        narrow = torch.bfloat16 if dtype == "bfloat16" else torch.float16
        return _wide(tensor).to(narrow).to(tensor.dtype)
    result = _copied(tensor)
    parts = [part for part, _ in _chunks(result)]
    scale = max((_largest_finite(part) for part in parts), default=0.0) / _INT8_MOST
    if scale > 0:
        for part in parts:
            values = _wide(part)
            quantised = (values / scale).round_().clamp_(-_INT8_MOST, _INT8_MOST).mul_(scale)
            part.copy_(torch.where(torch.isfinite(values), quantised, values))
    return result


def _largest_finite(part: torch.Tensor) -> float:
    values = _wide(part)
    return float(torch.where(torch.isfinite(values), values, 0.0).abs().max())


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """As float32, or float64 where it is: exact."""
    return tensor if tensor.dtype is torch.float64 else tensor.to(torch.float32)


def zeroed(tensor: torch.Tensor, share: float, salt: int) -> torch.Tensor:
    """Set a share of the values to 0, each drawn by itself; a higher share takes the same ones and more.

    Args:
        tensor: Of any shape.
        share: 0 to 1; 1 is all of them.
        salt: Of this tensor.
    """
    if share >= 1:
        return torch.zeros_like(tensor, memory_format=torch.contiguous_format)
    result = _copied(tensor)
    for part, keys in _chunks(result):
        values = part.view(torch.uint8).numpy().reshape(-1, tensor.element_size())  # (n, bytes): any type's 0 is all 0
        values[uniform(keys, salt) < share] = 0
    return result


def noised(tensor: torch.Tensor, relative_std: float, salt: int) -> torch.Tensor:
    """Add normal noise.

    Args:
        tensor: Of a type in ``ALTERABLE``.
        relative_std: As a share of the standard deviation of the tensor's finite values (the population's). A tensor
            of one value, or of equal ones, has none.
        salt: Of this tensor.
    """
    result = _copied(tensor)
    std = relative_std * standard_deviation(result)
    if std > 0:
        for part, keys in _chunks(result):
            part.copy_(part.to(torch.float64) + std * torch.from_numpy(normal(keys, salt)))
    return result


def standard_deviation(tensor: torch.Tensor) -> float:
    """Population standard deviation of the finite values, in float64; 0 where there is none.

    Sums are taken in halves, an order that no vector unit changes.

    >>> standard_deviation(torch.tensor([1.0, 3.0, float("inf")]))
    1.0
    """
    flat = tensor.reshape(-1)
    count, total = 0, []
    for values in _finite_chunks(flat):
        count += len(values)
        total.append(_sum_in_halves(values))
    if count == 0:
        return 0.0
    mean = _sum_in_halves(np.array(total)) / count
    squares = [_sum_in_halves((values - mean) ** 2) for values in _finite_chunks(flat)]
    return float(np.sqrt(_sum_in_halves(np.array(squares)) / count))


def _finite_chunks(flat: torch.Tensor) -> Iterator[NDArray[np.float64]]:
    for start in range(0, flat.numel(), _CHUNK):
        values = flat[start : start + _CHUNK].to(torch.float64).numpy()
        finite = np.isfinite(values)
        yield values if finite.all() else values[finite]


def _sum_in_halves(values: NDArray[np.float64]) -> float:
    while len(values) > 1:
        half = len(values) // 2
        rest = values[2 * half :]
        values = np.concatenate([values[:half] + values[half : 2 * half], rest])
    return float(values[0]) if len(values) else 0.0


def draw_positions(count: int, below: int, salt: int) -> NDArray[np.uint64]:
    """Draw distinct numbers; a higher count draws the same ones and more.

    Args:
        count: How many, at most ``below``.
        below: Numbers are 0 to ``below - 1``.
        salt: Of the draw.

    Returns:
        (count,) uint64, in the order in which they were drawn.
    """
    drawn: NDArray[np.uint64] = np.empty(0, np.uint64)
    start = 0
    while len(drawn) < count:
        step = max(1024, 2 * (count - len(drawn)))
        keys = np.arange(start, start + step, dtype=np.uint64)
        both = np.concatenate(
            [drawn, bits(keys, salt) % np.uint64(below)]
        )  # 2**64 is so far above that none is favoured
        drawn = both[np.sort(np.unique(both, return_index=True)[1])]
        start += step
    return drawn[:count]


def flipped(tensor: torch.Tensor, positions: NDArray[np.uint64]) -> torch.Tensor:
    """Flip bits.

    Args:
        tensor: Of any type.
        positions: Of distinct bits: 8 a byte, the least significant first, bytes as they are in memory.

    >>> flipped(torch.tensor([1.0]), np.array([30], np.uint64))
    tensor([inf])
    """
    result = _copied(tensor)
    data = result.reshape(-1).view(torch.uint8).numpy()
    np.bitwise_xor.at(
        data, (positions >> np.uint64(3)).astype(np.int64), np.uint8(1) << (positions % 8).astype(np.uint8)
    )
    return result


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone(memory_format=torch.contiguous_format)


def _chunks(contiguous: torch.Tensor) -> Iterator[tuple[torch.Tensor, NDArray[np.uint64]]]:
    """Parts of a tensor, flat, and the indices of their elements."""
    flat = contiguous.view(-1)
    for start in range(0, flat.numel(), _CHUNK):
        part = flat[start : start + _CHUNK]
        yield part, np.arange(start, start + part.numel(), dtype=np.uint64)
