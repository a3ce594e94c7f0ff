"""Models that only take some batch sizes: exported with a static or a bounded batch."""

from __future__ import annotations

import torch

from replay.checkpoints.scorer import Scorer, Tensors, count_rows


class BoundedScorer:
    """Cuts and pads batches to what a model takes. Padding repeats the last row, and its scores are dropped.

    Args:
        scorer: Takes batches of ``low`` to ``high`` rows.
        low: At least so many rows.
        high: At most so many, or None.

    >>> from replay.checkpoints.scorer import FunctionScorer
    >>> def three_at_once(tensors):
    ...     assert len(tensors["x"]) == 3
    ...     return tensors["x"] + 1
    >>> BoundedScorer(FunctionScorer(three_at_once), 3, 3).score({"x": torch.arange(4.0)})
    tensor([1., 2., 3., 4.])
    """

    def __init__(self, scorer: Scorer, low: int, high: int | None) -> None:
        self._scorer = scorer
        self._low = low
        self._high = high
        self.fingerprint = scorer.fingerprint
        self.device = scorer.device

    def score(self, tensors: Tensors) -> torch.Tensor:
        """See :class:`~replay.checkpoints.scorer.Scorer`."""
        num_rows = count_rows(tensors)
        step = self._high or max(num_rows, 1)
        pieces = [
            self._padded({name: tensor[start : start + step] for name, tensor in tensors.items()})
            for start in range(0, num_rows, step)
        ]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _padded(self, tensors: Tensors) -> torch.Tensor:
        num_rows = count_rows(tensors)
        if num_rows >= self._low:
            return self._scorer.score(tensors)
        places = torch.arange(self._low).clamp(max=num_rows - 1)
        return self._scorer.score({name: tensor[places] for name, tensor in tensors.items()})[:num_rows]
