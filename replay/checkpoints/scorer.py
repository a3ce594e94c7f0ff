"""The one seam: tensors in, scores out. Every format is alike behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

from replay.checkpoints.output import to_scores
from replay.config.model import Output
from replay.errors import CheckpointMismatch

Tensors = Mapping[str, torch.Tensor]


class Scorer(Protocol):
    """Something that scores rows.

    Attributes:
        fingerprint: Stands for what scores: equal fingerprints give equal scores.
        device: Where it runs, as torch names it.
    """

    fingerprint: str
    device: str

    def score(self, tensors: Tensors) -> torch.Tensor:
        """Score a batch.

        Args:
            tensors: Inputs by name, on the CPU; the first dimension of each is the rows.

        Returns:
            ``(num_rows,)`` float32 (float64 where the model answers in float64), on the CPU.

        Raises:
            CheckpointMismatch: The model does not take the tensors, or does not answer one score a row.
        """


class FunctionScorer:
    """Scores with a plain function: the double that tests use, and a way to replay something that is no checkpoint.

    Args:
        function: Takes the tensors by name, returns ``(num_rows,)`` scores.
        fingerprint: Stands for the function.

    >>> FunctionScorer(lambda tensors: tensors["x"] * 2).score({"x": torch.tensor([1.0, 2.0])})
    tensor([2., 4.])
    """

    device = "cpu"

    def __init__(self, function: Callable[[Tensors], torch.Tensor], fingerprint: str = "function") -> None:
        self._function = function
        self.fingerprint = fingerprint

    def score(self, tensors: Tensors) -> torch.Tensor:
        """See :class:`Scorer`."""
        return to_scores(self._function(tensors), Output(), count_rows(tensors))


class ModuleScorer:
    """Scores with whatever can be called with tensors: a torch module of any format, or an ONNX session.

    Args:
        name: The checkpoint, for messages.
        fingerprint: See :class:`Scorer`.
        call: Takes the inputs by name, on ``device``, and returns what the model answers.
        output: How the answer becomes one score a row.
        device: Where the model is.
    """

    def __init__(
        self, name: str, fingerprint: str, call: Callable[[Tensors], Any], output: Output, device: str = "cpu"
    ) -> None:
        self._name = name
        self.fingerprint = fingerprint
        self._call = call
        self._output = output
        self.device = device

    def score(self, tensors: Tensors) -> torch.Tensor:
        """See :class:`Scorer`."""
        num_rows = count_rows(tensors)
        placed = tensors
        if self.device != "cpu":
            placed = {name: tensor.to(self.device, non_blocking=True) for name, tensor in tensors.items()}
        with torch.inference_mode():
            try:
                answer = self._call(placed)
            except (RuntimeError, TypeError, ValueError, LookupError, AssertionError, AttributeError) as error:
                raise CheckpointMismatch(
                    f"{self._name}: the model does not take these inputs: {_first_lines(error)} (given: "
                    f"{describe(tensors)})"
                ) from error
            try:
                return to_scores(answer, self._output, num_rows).cpu()
            except CheckpointMismatch as error:
                raise CheckpointMismatch(f"{self._name}: {error}") from error


def count_rows(tensors: Tensors) -> int:
    """Rows of a batch."""
    return len(next(iter(tensors.values())))


def describe(tensors: Tensors) -> str:
    """Name the tensors with dtypes and shapes, for messages.

    >>> describe({"dense": torch.zeros(2, 3)})
    'dense float32 (2, 3)'
    """
    return ", ".join(
        f"{name} {str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}" for name, tensor in tensors.items()
    )


def _first_lines(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[:2] + lines[2:][-1:])[:500]}" if lines else type(error).__name__
