"""What was done to a score between the model and the log, such as rounding: noise with a name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.noise.envelope import Envelope
from replay.registry import Registry

Array = NDArray[np.float64]


class ScoreOperation(ABC):
    """One operation, with the numbers that it was found with."""

    @property
    def tolerance(self) -> Envelope:
        """How far off a row may be through it; nothing by default."""
        return Envelope(0.0, 0.0)

    @property
    @abstractmethod
    def words(self) -> str:
        """What online's scores are, as the end of a sentence: ``rounded to 3 decimals``."""

    def apply(self, scores: Array) -> Array:
        """Scores after it, or where they lie in the middle of what it leaves open; NaN stays NaN."""
        return scores


@dataclass(frozen=True)
class ScorePair:
    """What an operation is looked for in.

    Attributes:
        online: ``(num_rows,)``, finite.
        replayed: ``(num_rows,)``, finite, after the layer and the operations that were found before.
        tolerance: Of those operations and of float32 arithmetic.
    """

    online: Array
    replayed: Array
    tolerance: Envelope

    def severity(self, replayed: Array) -> Array:
        """How far scores are from online's, over the tolerance; ``(num_rows,)``."""
        return np.abs(replayed - self.online) / np.maximum(self.tolerance.at(self.online), 1e-300)


_MOST_ROWS = 50_000

Finder = Callable[[ScorePair], ScoreOperation | None]

OPERATIONS: Registry[Finder] = Registry("operation on scores", "replay.diagnosis.noise.operations")
"""Ways to recognise an operation, by its name; each builds on those before it."""


def register(name: str, *, rank: int) -> Callable[[Finder], Finder]:
    """Give a finder its name.

    Args:
        name: Unique.
        rank: When it is tried: what is seen in online's scores alone comes first.

    Raises:
        ValueError: The name is taken.
    """

    def add(finder: Finder) -> Finder:
        OPERATIONS.register(name, finder, rank=rank)
        return finder

    return add


def find_operations(online: Array, replayed: Array) -> tuple[ScoreOperation, ...]:
    """What was done to online's scores.

    Args:
        online: ``(num_rows,)``, finite.
        replayed: ``(num_rows,)``, finite; after the layer between both, where there is one.
    """
    step = max(1, len(online) // _MOST_ROWS)
    online, replayed = online[::step], replayed[::step]
    found: list[ScoreOperation] = []
    for finder in OPERATIONS.values():
        operation = finder(ScorePair(online, replayed, named_tolerance(found, online)))
        if operation is not None:
            found.append(operation)
            replayed = operation.apply(replayed)
    return tuple(found)


def apply_operations(operations: Sequence[ScoreOperation], scores: Array) -> Array:
    """Scores after all of them."""
    for operation in operations:
        scores = operation.apply(scores)
    return scores


def named_tolerance(operations: Sequence[ScoreOperation], online: Array) -> Envelope:
    """What float32 arithmetic and these operations leave open.

    Args:
        operations: That were found.
        online: ``(num_rows,)``, for the size of a typical score.
    """
    total = Envelope.of_arithmetic(online)
    for operation in operations:
        total = Envelope(total.abs + operation.tolerance.abs, total.rel + operation.tolerance.rel)
    return total
