"""A module that is called with made-up tensors, and what is seen of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

ROWS = 5
"""Rows of what is handed to a module: a number that few other dimensions have by chance."""


@dataclass
class Trace:
    """What was seen of one call.

    Attributes:
        lookups: For each embedding that was called, in order: its rows, and the indices that it was given.
        misfit: Columns that a linear layer was given and those that it wants, where they differ first.
        answer: What forward() answered; None where it failed.
        error: What it raised.
    """

    lookups: list[tuple[int, torch.Tensor]] = field(default_factory=list)
    misfit: tuple[int, int] | None = None
    answer: Any = None
    error: BaseException | None = None

    @property
    def worked(self) -> bool:
        """Whether forward() answered with a tensor that has a row for each row that it was given."""
        return self.error is None and any(tensor.dim() > 0 and len(tensor) == ROWS for tensor in _tensors(self.answer))


def _tensors(answer: Any, depth: int = 0) -> Iterator[torch.Tensor]:
    if isinstance(answer, torch.Tensor):
        yield answer
    elif depth < 3:
        parts = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list | tuple) else ()
        for part in parts:
            yield from _tensors(part, depth + 1)


class WatchedModule:
    """Calls a module in evaluation mode, without gradients, and never fails itself.

    Args:
        module: Any; its parameters stay as they are.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval()

    def call(self, function: Callable[[nn.Module], Any]) -> Trace:
        """Call the module by a function of it, and watch."""
        trace = Trace()
        with self._hooked(trace), torch.inference_mode():
            try:
                trace.answer = function(self.module)
            except (Exception, SystemExit) as error:  # a model's own code may raise anything
                trace.error = error
        return trace

    @contextmanager
    def _hooked(self, trace: Trace) -> Iterator[None]:
        def looked_up(layer: nn.Module, given: tuple[Any, ...]) -> None:
            if given and isinstance(given[0], torch.Tensor):
                trace.lookups.append((layer.num_embeddings, given[0].detach().clone()))  # type: ignore[arg-type]

        def multiplied(layer: nn.Module, given: tuple[Any, ...]) -> None:
            if given and isinstance(given[0], torch.Tensor) and given[0].dim() and trace.misfit is None:
                found, wanted = given[0].shape[-1], layer.in_features
                if found != wanted:
                    trace.misfit = (found, wanted)  # type: ignore[assignment]

        hooks = []
        for layer in self.module.modules():
            if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
                hooks.append(layer.register_forward_pre_hook(looked_up))
            elif isinstance(layer, nn.Linear):
                hooks.append(layer.register_forward_pre_hook(multiplied))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
