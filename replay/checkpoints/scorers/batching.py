"""How many rows a model takes at once, and how a batch is cut and padded to that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class BatchSizes:
    """Numbers of rows that a model takes.

    Attributes:
        low: The fewest. A shorter batch is padded with its last row, and the padding's scores are dropped.
        high: The most, or None; ``low`` plus a multiple of ``step``. A longer batch is cut.
        step: The number of rows must be ``low`` plus a multiple of it.
    """

    low: int = 2
    high: int | None = None
    step: int = 1

    @property
    def is_static(self) -> bool:
        """Whether it takes one number of rows only."""
        return self.low == self.high

    def padded(self, num_rows: int) -> int:
        """The smallest number of rows that the model takes and that holds ``num_rows``.

        >>> BatchSizes(low=8, high=64, step=8).padded(13), BatchSizes().padded(1)
        (16, 2)
        """
        return self.low + max(0, -(-(num_rows - self.low) // self.step)) * self.step

    def split(
        self, tensors: Mapping[str, torch.Tensor], num_rows: int
    ) -> Iterator[tuple[dict[str, torch.Tensor], int, int]]:
        """Cut a batch into pieces that the model takes.

        Yields:
            A piece's tensors, their number of rows, and how many of those are the batch's own (the first ones).
        """
        length = num_rows if self.high is None else self.high
        for start in range(0, num_rows, length):
            wanted = min(length, num_rows - start)
            padded = self.padded(wanted)
            yield {name: _piece(tensor, start, wanted, padded) for name, tensor in tensors.items()}, padded, wanted


# A lone row is scored as two: models that squeeze() their answer keep its dimension, and programs that were exported
# for two rows or more take it.
ANY_BATCH = BatchSizes()


def _piece(tensor: torch.Tensor, start: int, wanted: int, padded: int) -> torch.Tensor:
    piece = tensor[start : start + wanted]
    if padded == wanted:
        return piece
    return torch.cat([piece, piece[-1:].expand(padded - wanted, *piece.shape[1:])])


def common_sizes(sizes: Collection[BatchSizes]) -> BatchSizes | None:
    """The numbers of rows that every input takes, or None where there are none.

    >>> common_sizes([BatchSizes(low=32, high=32), BatchSizes()])
    BatchSizes(low=32, high=32, step=1)
    """
    if len(set(sizes)) == 1:
        return next(iter(sizes))
    low = max(each.low for each in sizes)
    high = min((each.high for each in sizes if each.high is not None), default=None)
    if any(each.step > 1 for each in sizes) or (high is not None and low > high):
        return None
    return BatchSizes(low, high)
