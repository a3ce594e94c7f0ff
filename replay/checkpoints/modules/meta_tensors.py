"""Which tensors without memory (of the meta device) are still in use after weights were put in the place of others.

Leans on ``torch.utils._python_dispatch.TorchDispatchMode``, which is private: while a mode is active, torch calls its
``__torch_dispatch__`` for every operator. Were it gone or no longer called, a module whose constants have no values
would be taken for a complete one. Its compiler, which takes seconds to import, is kept out by ``_should_skip_dynamo``.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class MetaTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers every meta tensor that is made, to find those that outlive the assignment of the weights.

    A non-persistent buffer or a constant that forward() uses would have no values.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: list[weakref.ref[torch.Tensor]] = []

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.normal_.default and args[0].is_meta:
            return args[0]  # there are no values to draw; torch's way of doing so without memory imports its compiler
        result = func(*args, **(kwargs or {}))
        for entry in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(entry, torch.Tensor) and entry.is_meta:
                self._made.append(weakref.ref(entry))
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Else the first call of ``__torch_dispatch__`` imports ``torch._dynamo``."""
        return False

    def any_left(self) -> bool:
        """Whether any of them is still in use."""
        if self._alive():
            gc.collect()
        return self._alive()

    def _alive(self) -> bool:
        return any(reference() is not None for reference in self._made)
