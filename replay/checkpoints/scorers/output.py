"""A model's answer, whatever its structure, to one score a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from replay.checkpoints.scorers.transforms import transform_scores
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.sections.model.output import Output
from replay.errors import CheckpointMismatch

_MOST_SHOWN = 8


class ScoreReader:
    """Takes the scores out of an answer.

    Args:
        output: The config's ``model.output``.
        name: The checkpoint's, for messages.

    Attributes:
        output: The config's ``model.output``.
    """

    def __init__(self, output: Output, name: str) -> None:
        select = output.select
        self._steps: tuple[int | str, ...] = (
            () if select is None else select if isinstance(select, tuple) else (select,)
        )
        self.output = output
        self._softmax = "softmax" in output.transforms
        self._name = name

    def read(self, answer: Any, num_rows: int) -> torch.Tensor:
        """Select, check and transform.

        Args:
            answer: A tensor; or tuples, lists, dicts, dataclasses or named tuples of tensors.
            num_rows: Rows of the batch that was scored.

        Returns:
            (num_rows,), float32 or float64, where the answer is. A transform works in that precision.

        Raises:
            CheckpointMismatch: What is selected does not exist, or is not one floating number a row.
        """
        value = answer
        for position, step in enumerate(self._steps):
            if self._softmax and position == len(self._steps) - 1:
                value = self._softmax_of(value, answer)
            value = self._take(value, step, self._steps[:position], answer)
        value = _only_entry(value)
        if not isinstance(value, torch.Tensor):
            raise self._mismatch(answer, f"found {describe_answer(value)}, expected a tensor")
        scores = self._as_rows(value, num_rows, answer)
        if not scores.dtype.is_floating_point:
            raise self._mismatch(answer, f"found {describe_answer(value)}, expected floating-point scores")
        if scores.dtype not in (torch.float32, torch.float64):
            scores = scores.float()
        return transform_scores(scores, self.output)

    def _softmax_of(self, value: Any, answer: Any) -> torch.Tensor:
        """Probabilities of the heads that the last step picks from, (num_rows, num_heads, ...)."""
        value = _only_entry(value)
        if not isinstance(value, torch.Tensor) or value.dim() < 2 or value.shape[1] < 2:
            raise self._mismatch(answer, f"found {describe_answer(value)}, expected (batch, heads) for `softmax`")
        logits = value if value.dtype == torch.float64 else value.float()
        return torch.softmax(logits, dim=1)

    def _as_rows(self, value: torch.Tensor, num_rows: int, answer: Any) -> torch.Tensor:
        """Drop a last dimension of one; a single row may have lost its dimensions to a squeeze()."""
        if value.dim() == 2 and value.shape[1] == 1:
            value = value[:, 0]
        elif value.dim() == 0 and num_rows == 1:
            value = value.reshape(1)
        if value.dim() != 1:
            raise self._mismatch(answer, f"found {describe_answer(value)}, expected ({num_rows},) or ({num_rows}, 1)")
        if value.shape[0] != num_rows:
            raise self._mismatch(
                answer, f"found {value.shape[0]} scores for {num_rows} rows, expected one score a row, in their order"
            )
        return value

    def _take(self, value: Any, step: int | str, before: tuple[int | str, ...], answer: Any) -> Any:
        try:
            return _step(value, step, first=not before)
        except LookupError as error:
            where = f" (after {listing(before)})" if before else ""
            raise self._mismatch(answer, f"`{step}`{where} is not in {describe_answer(value)}{error.args[0]}") from None

    def _mismatch(self, answer: Any, found: str) -> CheckpointMismatch:
        chosen = f"with `output: {{select: {list(self._steps)}}}` " if self._steps else ""
        return CheckpointMismatch(
            f"checkpoint {self._name!r}: its answer cannot be read as scores {chosen}: {found}.\n"
            f"  The model answers {describe_answer(answer)}.\n"
            "  Say which part is the score: `output: {select: 0}` (an index, also of the column of a (batch, heads) "
            "tensor), `{select: ctr}` (a key), or a path such as `{select: [ctr, 0]}`"
        )


def _step(value: Any, step: int | str, *, first: bool) -> Any:
    """Take one step into an answer.

    Raises:
        LookupError: There is no such entry; its argument is what to add to the message.
    """
    if isinstance(value, torch.Tensor):
        return _step_tensor(value, step, first=first)
    if isinstance(value, Mapping):
        if step in value:
            return value[step]
        return _nth(list(value.values()), step, value)
    if isinstance(step, str):
        if step in field_names(value):
            return getattr(value, step)
        raise LookupError(suggestion(nearest(step, field_names(value))))
    if isinstance(value, Sequence):
        return _nth(value, step, ())
    return _nth([getattr(value, field) for field in field_names(value)], step, ())


def _step_tensor(value: torch.Tensor, step: int | str, *, first: bool) -> torch.Tensor:
    if isinstance(step, str):
        raise LookupError(": a tensor has no keys")
    if value.dim() == 1 and first and step in (0, -1):
        return value  # the model's one and only output
    if value.dim() < 2 or not -value.shape[1] <= step < value.shape[1]:
        raise LookupError("")
    return value.select(1, step)


def _nth(values: Sequence[Any], step: int | str, keys: Mapping[Any, Any] | tuple[()]) -> Any:
    """The entry at a place; a mapping with keys that are numbers has no places."""
    if isinstance(step, str):
        raise LookupError(suggestion(nearest(step, [str(key) for key in keys])))
    if any(isinstance(key, int) for key in keys) or not -len(values) <= step < len(values):
        raise LookupError("")
    return values[step]


def field_names(value: Any) -> tuple[str, ...]:
    """Names of the fields of a named tuple, a dataclass, or an object with plain attributes."""
    if isinstance(fields := getattr(value, "_fields", None), tuple):
        return fields
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    return tuple(name for name in getattr(value, "__dict__", {}) if not name.startswith("_"))


def _only_entry(value: Any) -> Any:
    """What a container of one holds; anything else as it is."""
    while isinstance(value, (tuple, list, Mapping)) and len(value) == 1:
        value = next(iter(value.values())) if isinstance(value, Mapping) else value[0]
    return value


def describe_answer(value: Any) -> str:
    """Say what a model answered: structure, keys, shapes and types.

    >>> describe_answer({"ctr": torch.zeros(4, 1), "aux": (torch.zeros(4),)})
    'a dict of 2 (ctr: a float32 tensor of shape (4, 1); aux: a tuple of 1 (0: a float32 tensor of shape (4,)))'
    """
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{'an' if dtype.startswith('i') else 'a'} {dtype} tensor of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        entries = [(str(key), entry) for key, entry in value.items()]
    elif names := () if isinstance(value, (str, bytes, int, float)) else field_names(value):
        entries = [(name, getattr(value, name)) for name in names]
    elif isinstance(value, (tuple, list)):
        entries = [(str(index), entry) for index, entry in enumerate(value)]
    else:
        return "nothing" if value is None else f"a value of type {type(value).__name__}"
    shown = "; ".join(f"{name}: {describe_answer(entry)}" for name, entry in entries[:_MOST_SHOWN])
    more = "; ..." if len(entries) > _MOST_SHOWN else ""
    return f"a {type(value).__name__} of {len(entries)} ({shown}{more})"
