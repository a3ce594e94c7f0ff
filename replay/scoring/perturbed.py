"""Scenarios over batches: only their features are encoded again, only the rows that they touch are scored again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from replay.errors import RunFailed
from replay.features import Encoded, Encoder
from replay.scenarios import ScenarioPlan, TouchedRows
from replay.scoring.chunks import ChunkedScorer
from replay.scoring.routes import Route
from replay.scoring.variants import Variant

MOST_WAITING = 65_536
"""Rows that wait for a chunk to fill up; they bound the memory, whatever the number of scenarios."""


@dataclass(frozen=True)
class SparseScores:
    """Scores of the rows that a scenario touched.

    Attributes:
        rows: (num_touched,) places in the batch, ascending.
        scores: (num_touched,), filled in by :meth:`PerturbedScorer.finish`; NaN where the model's contract refuses what
            the scenario made of a row.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.floating]


@dataclass
class _Piece:
    """Rows of one scenario that wait for one scorer."""

    tensors: Mapping[str, torch.Tensor]
    places: NDArray[np.int64]
    into: NDArray[np.floating]


@dataclass
class _Queue:
    pieces: list[_Piece] = field(default_factory=list)
    rows: int = 0


class PerturbedScorer:
    """Scores batches under every scenario.

    A scenario may touch a few rows of a batch, and a scorer takes whole chunks. So touched rows wait, across scenarios
    and batches, for their chunk to fill up.

    Args:
        encoder: Encodes the batches.
        plans: The scenarios, by name.
        variants: The variants that have a scenario.
        scorers: By checkpoint, all but the routes.
        routes: By name.
        whole: Checkpoints whose score of a row depends on the rows beside it: they score the whole batch.
        dtypes: Of a checkpoint's scores, routes included.
    """

    def __init__(
        self,
        encoder: Encoder,
        plans: Mapping[str, ScenarioPlan],
        variants: Sequence[Variant],
        scorers: Mapping[str, ChunkedScorer],
        routes: Mapping[str, Route],
        whole: frozenset[str],
        dtypes: Mapping[str, type[np.floating]],
    ) -> None:
        self._encoder = encoder
        self._plans = plans
        self._scorers = scorers
        self._routes = routes
        self._whole = whole
        self._dtypes = dtypes
        self._by_scenario: dict[str, list[Variant]] = defaultdict(list)
        for variant in variants:
            if variant.scenario is not None:
                self._by_scenario[variant.scenario].append(variant)
        self._queues: dict[str, _Queue] = defaultdict(_Queue)
        self._without_history: dict[str, int] = defaultdict(int)
        self._without_match: dict[str, int] = defaultdict(int)
        self._refused: dict[str, int] = defaultdict(int)

    def counted(self) -> dict[str, float]:
        """What happened to rows over all batches, by ``kind:scenario``.

        ``without_history``: a scenario gave the row no older value, as its entity has none. ``without_match``: it was
        left as it is, as another table does not have its key. ``refused``: the model's
        contract does not hold what a scenario made of the row, whose score is NaN.
        """
        kinds = {
            "without_history": self._without_history,
            "without_match": self._without_match,
            "refused": self._refused,
        }
        return {
            f"{kind}:{scenario}": float(count)
            for kind, counts in kinds.items()
            for scenario, count in counts.items()
            if count
        }

    def begin(
        self, rows: TouchedRows, encoded: Encoded, assigned: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, SparseScores]:
        """Perturb one batch; its scores are complete after the next :meth:`finish`.

        Args:
            rows: The batch.
            encoded: The same, encoded as logged.
            assigned: For each route, (num_rows,) the member that each row goes to.

        Returns:
            By variant.
        """
        found: dict[str, SparseScores] = {}
        for scenario, variants in self._by_scenario.items():
            touched = self._plans[scenario].touch(rows)
            self._without_history[scenario] += touched.without_history
            self._without_match[scenario] += touched.without_match
            if touched.rows.size == 0:
                for variant in variants:
                    found[variant.name] = SparseScores(touched.rows, np.empty(0, self._dtypes[variant.checkpoint]))
                continue
            index = torch.from_numpy(touched.rows)
            into = {name: tensor.index_select(0, index) for name, tensor in encoded.tensors.items()}
            again = self._encoder.encode_features(touched.columns, into)
            refused = again.rejected != 0
            self._refused[scenario] += int(np.count_nonzero(refused))
            for variant in variants:
                if variant.checkpoint in self._whole:
                    found[variant.name] = self._score_whole(variant.checkpoint, encoded, again, touched.rows)
                    continue
                scores = np.full(touched.rows.size, np.nan, self._dtypes[variant.checkpoint])
                found[variant.name] = SparseScores(touched.rows, scores)
                for checkpoint, chosen in self._shares(variant.checkpoint, touched.rows, assigned):
                    places = np.flatnonzero(chosen & ~refused)
                    if places.size:
                        self._wait(checkpoint, _Piece(_taken(again.tensors, places), places, scores))
        return found

    def finish(self) -> None:
        """Score all rows that wait."""
        for checkpoint, queue in self._queues.items():
            if queue.pieces:
                self._flush(checkpoint, queue)

    def _shares(
        self, checkpoint: str, rows: NDArray[np.int64], assigned: Mapping[str, NDArray[np.int64]]
    ) -> list[tuple[str, NDArray[np.bool_]]]:
        """The checkpoints that answer some rows, each with the rows that it answers."""
        route = self._routes.get(checkpoint)
        if route is None:
            return [(checkpoint, np.ones(rows.size, dtype=bool))]
        members = assigned[checkpoint][rows]
        return [(name, members == place) for place, name in enumerate(route.members)]

    def _wait(self, checkpoint: str, piece: _Piece) -> None:
        queue = self._queues[checkpoint]
        queue.pieces.append(piece)
        queue.rows += piece.places.size
        if sum(each.rows for each in self._queues.values()) >= MOST_WAITING:
            self.finish()

    def _flush(self, checkpoint: str, queue: _Queue) -> None:
        scores = self._scorers[checkpoint].score([piece.tensors for piece in queue.pieces])
        for piece, found in zip(queue.pieces, scores, strict=True):
            piece.into[piece.places] = found
        queue.pieces, queue.rows = [], 0

    def _score_whole(self, checkpoint: str, clean: Encoded, again: Encoded, rows: NDArray[np.int64]) -> SparseScores:
        """Score the whole batch with the touched rows in their places: those beside them change as well."""
        if any(clean.tensors[name].shape[1:] != tensor.shape[1:] for name, tensor in again.tensors.items()):
            raise RunFailed(
                f"checkpoint {checkpoint!r}: its scores depend on the rows of a batch, and a scenario made a ragged "
                "input longer: give the input a `length`"
            )
        whole = {name: tensor.clone() for name, tensor in clean.tensors.items()}
        index = torch.from_numpy(rows)
        for name, tensor in whole.items():
            tensor[index] = again.tensors[name]
        scores = self._scorers[checkpoint].score([whole])[0]
        scores[rows[again.rejected != 0]] = np.nan
        return SparseScores(np.arange(len(scores)), scores)


def _taken(tensors: Mapping[str, torch.Tensor], places: NDArray[np.int64]) -> Mapping[str, torch.Tensor]:
    if places.size == len(next(iter(tensors.values()))):
        return tensors
    index = torch.from_numpy(places)
    return {name: tensor.index_select(0, index) for name, tensor in tensors.items()}
