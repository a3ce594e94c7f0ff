"""Text from the tensors of bytes that carry it up to the call."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch


def texts_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """The text of rows of UTF-8 bytes that zeros fill up.

    Args:
        tensor: (num_rows, ..., num_bytes) uint8.

    Returns:
        (num_rows, ...) of Python strings.

    >>> texts_of(torch.tensor([[79, 115, 108, 111], [195, 165, 0, 0]], dtype=torch.uint8)).tolist()
    ['Oslo', 'å']
    """
    raw = np.ascontiguousarray(tensor.cpu().numpy())
    flat = raw.reshape(-1, raw.shape[-1]).view(f"S{raw.shape[-1]}").reshape(raw.shape[:-1])
    return np.char.decode(flat, "utf-8").astype(object)
