"""One scorer, fed in chunks of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer

Tensors = Mapping[str, torch.Tensor]


class ChunkedScorer:
    """Scores any number of rows in chunks that fit the caches.

    A matrix product adds in an order that depends on its number of rows. In chunks of one size a row has the same bits
    whatever batch, place or company it comes in, so that rows of many scenarios may share a chunk.

    Args:
        scorer: What scores a chunk.
        chunk_rows: Rows of a chunk.
        dtype: float32 or float64, of the scores.
        pad: Fill up a chunk that is short of rows.
    """

    def __init__(self, scorer: Scorer, chunk_rows: int, dtype: type[np.floating], *, pad: bool = True) -> None:
        self._scorer = scorer
        self._chunk_rows = chunk_rows
        self._dtype = dtype
        self._pad = pad

    def score(self, pieces: Sequence[Tensors]) -> list[NDArray[np.floating]]:
        """Score pieces; a chunk takes rows of as many as it has room for.

        Args:
            pieces: Each the tensors of some rows, by input. Chunks are not shared by pieces whose tensors differ in
                width (a ragged input without a length).

        Returns:
            For each piece its scores, (num_rows,).
        """
        scores = [np.empty(_rows(piece), dtype=self._dtype) for piece in pieces]
        chunk: list[tuple[int, slice]] = []
        room, width = self._chunk_rows, None
        for number, piece in enumerate(pieces):
            if chunk and _width(piece) != width:
                self._score_chunk(pieces, chunk, scores)
                chunk, room = [], self._chunk_rows
            width = _width(piece)
            start = 0
            while start < len(scores[number]):
                stop = min(start + room, len(scores[number]))
                chunk.append((number, slice(start, stop)))
                room -= stop - start
                start = stop
                if room == 0:
                    self._score_chunk(pieces, chunk, scores)
                    chunk, room = [], self._chunk_rows
        if chunk:
            self._score_chunk(pieces, chunk, scores)
        return scores

    def _score_chunk(
        self, pieces: Sequence[Tensors], chunk: list[tuple[int, slice]], scores: list[NDArray[np.floating]]
    ) -> None:
        parts = [{name: tensor[rows] for name, tensor in pieces[number].items()} for number, rows in chunk]
        short = self._chunk_rows - sum(rows.stop - rows.start for _, rows in chunk) if self._pad else 0
        if short > 0:
            last = len(parts[-1][next(iter(parts[-1]))]) + short
            parts[-1] = {name: padded(tensor, last) for name, tensor in parts[-1].items()}
        tensors = (
            parts[0] if len(parts) == 1 else {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        )
        found = self._scorer.score(tensors).numpy()
        start = 0
        for number, rows in chunk:
            count = rows.stop - rows.start
            scores[number][rows] = found[start : start + count]
            start += count


def padded(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    """Repeat the last row until there are ``rows``: a real row, so that no model meets what was never logged."""
    missing = rows - len(tensor)
    return torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])])


def _rows(tensors: Tensors) -> int:
    return len(next(iter(tensors.values())))


def _width(tensors: Tensors) -> tuple[torch.Size, ...]:
    return tuple(tensor.shape[1:] for tensor in tensors.values())
