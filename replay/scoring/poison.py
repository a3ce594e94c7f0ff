"""Rows that make a model raise, found among those that do not, where a run may leave some out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from replay.errors import CheckpointMismatch
from replay.scoring.chunks import ChunkedScorer, Tensors


def score_sound(
    scorers: Mapping[str, ChunkedScorer], tensors: Tensors, most: int
) -> tuple[dict[str, NDArray[np.floating]], NDArray[np.bool_], Tensors]:
    """Score rows under every checkpoint, all but those for which one of the models raises.

    A score does not depend on the rows beside it, so the others have the bits that they would have anyway.

    Args:
        scorers: By checkpoint name.
        tensors: Of the rows, by input.
        most: Rows that may be left out.

    Returns:
        Scores by checkpoint, (num_rows,), which mean nothing for a row that is left out; which rows these are,
        (num_rows,); and the tensors, which have the values of another row in their place.

    Raises:
        CheckpointMismatch: More rows make a model raise, or it raises though no row alone makes it do so.
    """
    num_rows = len(next(iter(tensors.values())))
    failing = np.zeros(num_rows, dtype=bool)
    clean: dict[str, NDArray[np.floating]] = {}
    for name, scorer in scorers.items():
        try:
            (clean[name],) = scorer.score([tensors])
        except CheckpointMismatch as error:
            left = most - int(failing.sum())
            if left <= 0:
                raise
            failing[_failing_rows(scorer, tensors, left, error)] = True
            tensors = _without(tensors, failing, error)
            (clean[name],) = scorer.score([tensors])
    return clean, failing, tensors


def _failing_rows(scorer: ChunkedScorer, tensors: Tensors, most: int, error: CheckpointMismatch) -> list[int]:
    """Rows that make a model raise, each alone, by halving; a row that does not costs nothing by itself."""

    def raises(start: int, stop: int) -> bool:
        try:
            scorer.score([{name: tensor[start:stop] for name, tensor in tensors.items()}])
        except CheckpointMismatch:
            return True
        return False

    found = sorted(_halved(raises, 0, len(next(iter(tensors.values()))), most, error))
    if not found:
        raise error
    return found


def _halved(
    raises: Callable[[int, int], bool], start: int, stop: int, most: int, error: CheckpointMismatch
) -> list[int]:
    found: list[int] = []
    waiting = [(start, stop)]
    while waiting:
        first, last = waiting.pop()
        if not raises(first, last):
            continue
        if last - first > 1:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]
            continue
        found.append(first)
        if len(found) > most:
            raise error
    return found


def _without(tensors: Tensors, failing: NDArray[np.bool_], error: CheckpointMismatch) -> Tensors:
    """The tensors with those of a sound row in the place of those that are left out."""
    sound = np.flatnonzero(~failing)
    if not sound.size:
        raise error
    taken = torch.from_numpy(np.where(failing, sound[0], np.arange(failing.size)))
    return {name: tensor[taken] for name, tensor in tensors.items()}
