"""Where contracts are tried: sampled rows are encoded and scored, and their answers are read in every way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from replay.checkpoints import ModelScorer, Selection, selections, transform_scores
from replay.config import ModelConfig, Output
from replay.diff.tolerance import agrees
from replay.errors import ReplayError
from replay.features import Encoder, feature_column
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.rows import RehearsedRows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Tensors = Mapping[str, torch.Tensor]

_MOST_ROWS = 1000  # of each half
_SCREEN_ROWS = 64
_CHUNK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answers to some rows, as every part that could be the score.

    Attributes:
        selected: ``(num_rows,)`` by what is selected, and whether a softmax over its heads was taken.
    """

    selected: Mapping[tuple[Selection, bool], torch.Tensor]

    def scores(self, output: Output) -> Floats:
        """The scores, ``(num_rows,)``; NaN where the answer has no such part."""
        key = (output.select, "softmax" in output.transforms)
        if key not in self.selected:
            return np.full(len(next(iter(self.selected.values()))), np.nan)
        return transform_scores(self.selected[key], output).numpy().astype(np.float64)


class Bench:
    """Sampled rows, what online answered to them, and the model.

    Args:
        rows: Sampled logged rows; those without an online score, and those that the contract refuses, are left out.
        scorer: Of the baseline.

    Attributes:
        start: The config's own contract.
        online: ``(num_rows,)`` of all sampled rows.
        fit: Rows on which contracts are looked for, in random order.
        confirm: Other rows, on which what was found must hold.
        own: ``(num_rows,)`` scores under the config's own contract; NaN where the model refuses.
        own_agree: ``(num_rows,)``, whether these agree with online.
    """

    def __init__(self, rows: RehearsedRows, scorer: ModelScorer) -> None:
        self.batch = rows.batch
        self.start = Contract.of(rows.config)
        self.rows_scored = 0
        self._scorer = scorer
        self._encoders: dict[str, Encoder] = {}
        online = pc.cast(feature_column(rows.batch, rows.config.traffic.score), pa.float64(), safe=False)
        self.online: Floats = online.fill_null(np.nan).to_numpy(zero_copy_only=False)
        self.online_type = feature_column(rows.batch, rows.config.traffic.score).type
        accepted = self._encoder(self.start.model).encode(rows.batch).rejected == 0
        usable = np.random.default_rng(0).permutation(np.flatnonzero(accepted & np.isfinite(self.online)))
        half = len(usable) // 2
        self.fit: Integers = usable[:half][:_MOST_ROWS]
        self.confirm: Integers = usable[half:][:_MOST_ROWS]
        self.own: Floats = np.full(rows.batch.num_rows, np.nan)
        self._outputs = self._readable() if len(usable) else {}
        for part in (self.fit, self.confirm) if len(usable) else ():
            self.own[part] = self.scores(self.start, part)
        self.own_agree: Mask = agrees(self.own, self.online, self.start.tolerance)

    def with_scorer(self, scorer: ModelScorer) -> Bench:
        """The same rows for another checkpoint."""
        other = copy(self)
        other._scorer = scorer
        return other

    @property
    def screen(self) -> Integers:
        """A few of the rows on which contracts are looked for."""
        return self.fit[:_SCREEN_ROWS]

    def encode(self, model: ModelConfig, rows: Integers) -> tuple[Tensors, Mask]:
        """The tensors of some rows, and whether the contract accepts each, ``(k,)``."""
        encoded = self._encoder(model).encode(self.batch.take(pa.array(rows)))
        return encoded.tensors, encoded.rejected == 0

    def answers(self, model: ModelConfig, rows: Integers) -> Answers | None:
        """What the model answers to some rows; None where it refuses the batch, such as an id beyond its table."""
        try:
            tensors, accepted = self.encode(model, rows)
            found = self.answers_to(tensors)
        except ReplayError:
            return None
        refused = torch.from_numpy(~accepted)
        return Answers({key: scores.masked_fill(refused, torch.nan) for key, scores in found.selected.items()})

    def answers_to(self, tensors: Tensors) -> Answers:
        """What the model answers to tensors.

        Raises:
            CheckpointMismatch: It refuses them.
        """
        num_rows = len(next(iter(tensors.values())))
        self.rows_scored += num_rows
        pieces = [
            self._scorer.score_each(
                {name: tensor[start : start + _CHUNK_ROWS] for name, tensor in tensors.items()},
                list(self._outputs.values()),
            )
            for start in range(0, max(num_rows, 1), _CHUNK_ROWS)
        ]
        return Answers(
            {key: torch.cat(parts) for key, parts in zip(self._outputs, zip(*pieces, strict=True), strict=True)}
        )

    def scores(self, contract: Contract, rows: Integers) -> Floats:
        """Scores of some rows under a contract, ``(k,)``; NaN where it, or the model, refuses."""
        answers = self.answers(contract.model, rows)
        return np.full(len(rows), np.nan) if answers is None else answers.scores(contract.model.output)

    def agree(self, contract: Contract, rows: Integers) -> Mask:
        """Whether the scores of some rows agree with online under a contract, ``(k,)``."""
        return agrees(self.scores(contract, rows), self.online[rows], contract.tolerance)

    def moved(self, contract: Contract, scores: Floats, rows: Integers) -> Mask:
        """Rows that a contract is about, ``(k,)``: it gives them another score, or judges it anew."""
        if contract.tolerance != self.start.tolerance:
            return np.ones(len(rows), np.bool_)
        own = self.own[rows]
        same: Mask = agrees(scores, own, self.start.tolerance) | (np.isnan(scores) & np.isnan(own))
        return ~same

    def try_tensors(
        self, contract: Contract, changes: Sequence[Callable[[Tensors], Tensors]], rows: Integers
    ) -> list[tuple[int, float]]:
        """Try many changes of the tensors at once, on a few rows.

        Args:
            contract: How rows are encoded and answers are read.
            changes: Each from the rows' tensors to others.
            rows: ``(k,)``.

        Returns:
            For each of the changes how many rows agree as the contract reads the answer, and :func:`closeness` of the
            answer's part that is closest to online.
        """
        tensors, _ = self.encode(contract.model, rows)
        found: list[tuple[int, float]] = []
        at_once = max(1, _CHUNK_ROWS // max(len(rows), 1))
        for start in range(0, len(changes), at_once):
            some = [change(tensors) for change in changes[start : start + at_once]]
            joined = {name: torch.cat([one[name] for one in some]) for name in tensors}
            try:
                answers = self.answers_to(joined)
            except ReplayError:
                found += [(0, 0.0)] * len(some)
                continue
            scores = answers.scores(contract.model.output).reshape(len(some), -1)
            agree = agrees(scores, self.online[rows][None, :], contract.tolerance).sum(axis=1)
            near = np.max(
                [
                    closeness(part.numpy().reshape(len(some), -1), self.online[rows])
                    for part in answers.selected.values()
                ],
                axis=0,
            )
            found += list(zip(agree.tolist(), near.tolist(), strict=True))
        return found

    def _encoder(self, model: ModelConfig) -> Encoder:
        """The encoder of a contract; most differ from the one before in the output alone."""
        key = model.model_dump_json(include={"inputs"})
        if key not in self._encoders:
            if len(self._encoders) > 8:
                self._encoders.clear()
            self._encoders[key] = Encoder(model, self.batch.schema)
        return self._encoders[key]

    def _readable(self) -> dict[tuple[Selection, bool], Output]:
        """Every part of the answer that can be read, the config's own first, each once."""
        output = self.start.model.output
        own = {(output.select, False): Output(select=output.select)}
        if "softmax" in output.transforms:
            own = {(output.select, True): Output(select=output.select, transform="softmax"), **own}
        tensors, _ = self.encode(self.start.model, self.screen)
        try:
            parts = selections(*self._scorer.answer(tensors))
        except ReplayError:
            return own
        listed = {(part, False): Output(select=part) for part in parts}
        heads = [part for part in parts if isinstance(_last(part), int)]
        listed |= {(part, True): Output.model_validate({"select": part, "transform": "softmax"}) for part in heads}
        return self._distinct({**own, **listed}, tensors)

    def _distinct(
        self, outputs: Mapping[tuple[Selection, bool], Output], tensors: Tensors
    ) -> dict[tuple[Selection, bool], Output]:
        kept: dict[bytes, tuple[tuple[Selection, bool], Output]] = {}
        for key, output in outputs.items():
            try:
                (scores,) = self._scorer.score_each(tensors, [output])
            except ReplayError:
                continue
            kept.setdefault(scores.numpy().tobytes(), (key, output))
        return dict(kept.values() or list(outputs.items())[:1])


def _last(select: Selection) -> int | str | None:
    return select[-1] if isinstance(select, tuple) else select


def closeness(scores: NDArray[np.floating], online: Floats) -> Floats:
    """How far scores order rows as online does, or in reverse: the size of Spearman's rank correlation.

    No monotone function between the two changes it, so that it is seen before it is known which one there is.

    Args:
        scores: ``(num_candidates, num_rows)``.
        online: ``(num_rows,)``.

    Returns:
        ``(num_candidates,)`` from 0 to 1.

    >>> closeness(np.array([[1.0, 2.0, 9.0], [3.0, 1.0, 2.0]]), np.array([0.2, 0.3, 0.4])).tolist()
    [1.0, 0.5]
    """
    num_rows = len(online)
    if num_rows < 2:
        return np.zeros(len(scores))
    wanted = np.argsort(np.argsort(online)) - (num_rows - 1) / 2
    found = np.argsort(np.argsort(scores, axis=1), axis=1) - (num_rows - 1) / 2
    correlation: Floats = np.abs(found @ wanted) / float(wanted @ wanted)
    return correlation
