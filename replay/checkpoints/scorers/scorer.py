"""The seam: named tensors in, one score a row out."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import torch

from replay.checkpoints.scorers.batching import ANY_BATCH, BatchSizes
from replay.checkpoints.scorers.indices import IndexOutOfRange, find_bad_index, is_about_indices
from replay.checkpoints.scorers.output import ScoreReader
from replay.checkpoints.sharing.watch import FileWatch
from replay.config.sections.model.output import Output
from replay.errors import CheckpointMismatch, ReplayError, RunFailed
from replay.errors.no_return import running
from replay.errors.secrets import redacted

Forward = Callable[[Mapping[str, torch.Tensor]], Any]
"""A model behind its calling convention: the tensors by input name, to whatever it answers."""

Arrange = Callable[[Mapping[str, torch.Tensor]], dict[str, torch.Tensor]]
"""Makes of tensors that have a row per row what a model takes: the same tensors, but for lists without padding."""

_LONGEST_MESSAGE = 600
_NO_MEMORY = re.compile(r"DefaultCPUAllocator: (?:can't allocate|not enough) memory")
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
        tables: Rows by the name of its matrices, which integers may be indices of.
        arrange: What tensors go through before the model gets them; None where they are as it takes them.
        precision: The coarsest floating type of its parameters; None where it is that of the file.
    """

    forward: Forward
    batch: BatchSizes = ANY_BATCH
    device: str = "cpu"
    notes: tuple[str, ...] = ()
    arrange: Arrange | None = None
    tables: Mapping[str, int] = field(default_factory=dict)
    precision: torch.dtype | None = None


class ModelScorer:
    """A :class:`Scorer` over an opened model.

    Args:
        name: The checkpoint's, for messages.
        model: The opened model.
        reader: What takes the scores out of its answer.
        fingerprint: See :class:`Scorer`.
        precision: See :class:`Scorer`.
        watch: The files that its weights are mapped from.
        names: Among the tensors that it is given, the name of each input that it reads; None: it takes all as they are.

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
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self.device = model.device
        self.precision = precision
        self.notes = model.notes
        self._name = name
        self._model = model
        self._reader = reader
        self._watch = watch
        self._names = names

    def score(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Score a batch, in pieces that the model takes; see :meth:`Scorer.score`."""
        return self._read(tensors, [self._reader])[0]

    def score_each(self, tensors: Mapping[str, torch.Tensor], outputs: Sequence[Output]) -> list[torch.Tensor]:
        """Run the model once over a batch, and read its answer in several ways.

        Args:
            tensors: As :meth:`score` takes them.
            outputs: Each a ``model.output``; its own is not among them unless it is given.

        Returns:
            For each of the outputs (num_rows,), as :meth:`score` would answer with it.

        Raises:
            CheckpointMismatch: As :meth:`score`.
        """
        return self._read(tensors, [ScoreReader(output, self._name) for output in outputs])

    def answer(self, tensors: Mapping[str, torch.Tensor]) -> tuple[Any, int]:
        """What the model answers to the first rows of a batch, before anything is selected, and its number of rows."""
        tensors = self._read_by_it(tensors)
        piece, padded, _ = next(self._model.batch.split(tensors, _num_rows(tensors)))
        own = self._copies(piece)
        with torch.inference_mode():
            return self._answer(own), padded

    def before_transform(self) -> ModelScorer:
        """The same model, its answers as they are selected: neither transformed, nor scaled, nor clipped."""
        output = self._reader.output.model_copy(update={"transform": "none", "scale": None, "clip": None})
        reader = ScoreReader(output, self._name)
        return ModelScorer(
            self._name, self._model, reader, f"{self.fingerprint}-", self.precision, self._watch, self._names
        )

    @property
    def overwritten(self) -> bool:
        """Whether a file that its weights are mapped from was written to since it was opened."""
        return self._watch is not None and self._watch.overwritten() is not None

    def reads(self, names: Container[str]) -> bool:
        """Whether all tensors that it reads are among some."""
        return all(given in names for given in (self._names or {}).values())

    @property
    def output(self) -> Output:
        """How its answer becomes scores."""
        return self._reader.output

    def _read(self, tensors: Mapping[str, torch.Tensor], readers: Sequence[ScoreReader]) -> list[torch.Tensor]:
        tensors = self._read_by_it(tensors)
        num_rows = _num_rows(tensors)
        if num_rows == 0:
            return [torch.empty(0) for _ in readers]
        if self._watch is not None:
            self._watch.check()
        pieces = [self._score_piece(piece, readers) for piece in self._model.batch.split(tensors, num_rows)]
        return pieces[0] if len(pieces) == 1 else [torch.cat(scores)[:num_rows] for scores in zip(*pieces, strict=True)]

    def _read_by_it(self, tensors: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """The tensors that it reads, without those of other contracts."""
        if self._names is None:
            return tensors
        return {given: tensors[given] for given in self._names.values() if given in tensors}

    def _score_piece(
        self, piece: tuple[dict[str, torch.Tensor], int, int], readers: Sequence[ScoreReader]
    ) -> list[torch.Tensor]:
        tensors, padded, wanted = piece
        own = self._copies(tensors)
        with torch.inference_mode():
            try:
                answer = self._answer(own)
            except CheckpointMismatch as error:
                self._name_bad_index(tensors, error)
                raise
            found = [reader.read(answer, padded)[:wanted] for reader in readers]
            # A copy where the scores are a column of something larger, or the model's own memory.
            return [scores.clone() if scores.device.type == "cpu" else scores.cpu() for scores in found]

    def _copies(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        # A model may write to its inputs, and the next checkpoint scores the same ones. No count of writes that torch
        # keeps tells of all (`.data` and numpy are outside of it), and afterwards it is too late: a copy, always.
        # A model gets its rows one after the other, however they lie here: its bits, and what it may do, depend on it.
        names = {given: name for name, given in (self._names or {}).items()}
        own = {
            names.get(name, name): tensor.to(
                self.device, non_blocking=True, copy=True, memory_format=torch.contiguous_format
            )
            for name, tensor in tensors.items()
        }
        return own if self._model.arrange is None else self._model.arrange(own)

    def _name_bad_index(self, tensors: Mapping[str, torch.Tensor], error: CheckpointMismatch) -> None:
        """Say which index is out of range, where the model speaks of one; a GPU that met one answers nothing more.

        Raises:
            IndexOutOfRange: With the input, the value, and the table that has fewer rows.
        """
        cause = error.__cause__
        if cause is None or self.device != "cpu" or not is_about_indices(cause):
            return

        def takes(others: Mapping[str, torch.Tensor]) -> bool:
            piece = next(self._model.batch.split(others, _num_rows(others)))[0]
            try:
                self._answer(self._copies(piece))
            except CheckpointMismatch:
                return False
            return True

        found = find_bad_index(tensors, takes, self._model.tables)
        if found is not None:
            raise IndexOutOfRange(self._name, found, last_words(cause)) from cause

    def _answer(self, tensors: Mapping[str, torch.Tensor]) -> Any:
        try:
            with running(f"the model of checkpoint {self._name!r}"):
                return self._model.forward(tensors)
        except (Exception, SystemExit) as error:  # a model's own code may raise anything
            self._refuse(tensors, error)

    def _refuse(self, tensors: Mapping[str, torch.Tensor], error: BaseException) -> NoReturn:
        """Say what a model failed with, as an error of one of Replay's kinds."""
        if isinstance(error, ReplayError):
            raise error
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or _NO_MEMORY.search(str(error)):
            raise RunFailed(
                f"checkpoint {self._name!r}: out of memory on {_describe_tensors(tensors)}: lower `engine.chunk_rows`"
                " (`engine.chunk_rows_cuda` on a GPU)"
            ) from error
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
    text = redacted(str(error)).strip()
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
