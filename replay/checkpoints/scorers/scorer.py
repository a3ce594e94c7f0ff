"""The seam: named tensors in, one score a row out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from replay.checkpoints.scorers.batching import ANY_BATCH, BatchSizes
from replay.checkpoints.scorers.output import ScoreReader
from replay.checkpoints.sharing.watch import FileWatch
from replay.errors import CheckpointMismatch, ReplayError, RunFailed

Forward = Callable[[Mapping[str, torch.Tensor]], Any]
"""A model behind its calling convention: the tensors by input name, to whatever it answers."""

_LONGEST_MESSAGE = 600
_ERROR_LINE = re.compile(r"^[\w.]+(?:Error|Exception): ", re.MULTILINE)


class Scorer(Protocol):
    """What scores a batch. One is opened a worker, and used by one thread at a time."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what decides its scores: the checkpoint, its factory, how it is called and read."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: ``cpu`` or ``cuda:0``."""
        ...

    @property
    def precision(self) -> torch.dtype:
        """The coarsest floating type that it computes in: how much noise to expect."""
        ...

    def score(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Score a batch.

        Args:
            tensors: By input name; the first dimension is the batch's rows. They stay as they are, whatever the model
                does to its inputs.

        Returns:
            (num_rows,), on the CPU; float64 where the model answers in float64, else float32.

        Raises:
            CheckpointMismatch: The model refused the tensors, or did not answer with one score a row.
        """
        ...


@dataclass(frozen=True)
class OpenedModel:
    """A model of any format, ready to be called.

    Attributes:
        forward: Tensors on ``device``, by input name, to the model's answer. Its number of rows is within ``batch``.
            It is given copies, which it may write to.
        batch: Numbers of rows that it takes at once.
        device: Where it runs.
        notes: What a person should know where it fails: parameters that the file holds in another type.
    """

    forward: Forward
    batch: BatchSizes = ANY_BATCH
    device: str = "cpu"
    notes: tuple[str, ...] = ()


class ModelScorer:
    """A :class:`Scorer` over an opened model.

    Args:
        name: The checkpoint's, for messages.
        model: The opened model.
        reader: What takes the scores out of its answer.
        fingerprint: See :class:`Scorer`.
        precision: See :class:`Scorer`.
        watch: The files that its weights are mapped from.

    Attributes:
        notes: What a person should know about how it was opened.
    """

    def __init__(
        self,
        name: str,
        model: OpenedModel,
        reader: ScoreReader,
        fingerprint: str,
        precision: torch.dtype = torch.float32,
        watch: FileWatch | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self.device = model.device
        self.precision = precision
        self.notes = model.notes
        self._name = name
        self._model = model
        self._reader = reader
        self._watch = watch

    def score(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Score a batch, in pieces that the model takes; see :meth:`Scorer.score`."""
        num_rows = _num_rows(tensors)
        if num_rows == 0:
            return torch.empty(0)
        if self._watch is not None:
            self._watch.check()
        pieces = [self._score_piece(piece) for piece in self._model.batch.split(tensors, num_rows)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)[:num_rows]

    def _score_piece(self, piece: tuple[dict[str, torch.Tensor], int, int]) -> torch.Tensor:
        tensors, padded, wanted = piece
        # A model may write to its inputs, and the next checkpoint scores the same ones. No count of writes that torch
        # keeps tells of all (`.data` and numpy are outside of it), and afterwards it is too late: a copy, always.
        own = {name: tensor.to(self.device, non_blocking=True, copy=True) for name, tensor in tensors.items()}
        with torch.inference_mode():
            scores = self._reader.read(self._answer(own), padded)[:wanted]
            # A copy where the scores are a column of something larger, or the model's own memory.
            return scores.clone() if scores.device.type == "cpu" else scores.cpu()

    def _answer(self, tensors: Mapping[str, torch.Tensor]) -> Any:
        try:
            return self._model.forward(tensors)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise RunFailed(
                f"checkpoint {self._name!r}: out of memory on {_describe_tensors(tensors)}: lower `engine.chunk_rows`"
                " (`engine.chunk_rows_cuda` on a GPU)"
            ) from error
        except ReplayError:
            raise
        except Exception as error:  # a model's own code may raise anything
            notes = "".join(f"\n  note: {note}" for note in self.notes)
            raise CheckpointMismatch(
                f"checkpoint {self._name!r}: the model failed on {_describe_tensors(tensors)}: {last_words(error)}\n"
                "  compare `model.inputs` (order, names, dtype, number of features) with what forward() expects"
                f"{notes}"
            ) from error


def _num_rows(tensors: Mapping[str, torch.Tensor]) -> int:
    sizes = {name: tensor.shape[0] for name, tensor in tensors.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"expected tensors with the same number of rows, found {sizes or 'no tensor'}")
    return next(iter(sizes.values()))


def last_words(error: BaseException) -> str:
    """An error of someone else's code as one short text: its type, and the part of its message that says most."""
    text = str(error).strip()
    if "failed in the TorchScript interpreter" in text:
        said = list(_ERROR_LINE.finditer(text))  # it follows a traceback through the model's code
        text = text[said[-1].start() :] if said else text
    text = "\n".join(line for line in text.splitlines() if line.strip())
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[:_LONGEST_MESSAGE]}..."
    kind = type(error).__name__
    return text if text.startswith(f"{kind}:") else f"{kind}: {text}" if text else kind


def _describe_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """Name, type and shape of each tensor; the range of integers, which index tables in the model."""
    return ", ".join(f"{name} {_describe_tensor(tensor)}" for name, tensor in tensors.items())


def _describe_tensor(tensor: torch.Tensor) -> str:
    text = f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
    if tensor.dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8) and tensor.numel():
        try:
            low, high = (int(bound) for bound in torch.aminmax(tensor))
        except RuntimeError:  # the device itself has failed
            return text
        text += f" with values {low} to {high}"
    return text
