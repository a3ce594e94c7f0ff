"""The drafted contract, tried: sampled rows are scored under it, and compared with what online logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.checkpoints import Checkpoint, cached_scorer, selections
from replay.config import ModelConfig
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.input import Input
from replay.config.sections.model.output import Output, TransformName
from replay.diff.tolerance import agrees
from replay.errors import ReplayError
from replay.features import REJECT_REASONS, Encoder
from replay.init.inputs import DraftInput
from replay.init.sample import LoggedSample
from replay.metrics.kinds.auc import Auc

Floats = NDArray[np.float64]
MOST_ROWS = 2_000
"""Rows that are scored."""
ENOUGH = 0.5
"""Share of the logged scores that must agree for a contract to count as found."""
_TOLERANCE = Tolerance()
_CHAINS: tuple[tuple[TransformName, ...], ...] = (("sigmoid", "complement"),)


@dataclass(frozen=True)
class ContractTrial:
    """How well a contract reproduces what was logged.

    Attributes:
        inputs: The contract's inputs.
        output: ``model.output``: of all that was tried, what agrees with the most logged scores; None where nothing
            was scored.
        agreeing: Rows whose replayed score agrees with the logged one.
        compared: Rows that were scored and have a logged score.
        rejected: Rows that break the contract, by reason.
        auc: Of the replayed scores against the label; None without one.
        problem: Why nothing was scored; empty if it was.
        tolerance: Within which scores agree, where it is not the default.
        mended: What was changed so that they do, in words; empty where nothing was.
    """

    inputs: tuple[DraftInput, ...]
    output: Output | None = None
    agreeing: int = 0
    compared: int = 0
    rejected: Mapping[str, int] | None = None
    auc: float | None = None
    problem: str = ""
    tolerance: Mapping[str, float] | None = None
    mended: str = ""

    @property
    def share(self) -> float:
        """Of the compared rows that agree."""
        return self.agreeing / self.compared if self.compared else 0.0

    @property
    def agrees(self) -> bool:
        """Whether enough rows agree to say that this is the contract."""
        return self.share >= ENOUGH

    @property
    def words(self) -> str:
        """How many agree."""
        return f"agrees with {self.agreeing:,} of {self.compared:,} logged scores"


class Rehearsing:
    """Tries contracts on sampled rows.

    Args:
        checkpoint: The model.
        call: As in ``model.call``.
        sample: Logged rows, not none.
        score: The column of logged scores.
        label: The column of labels, or None.

    Attributes:
        batch: The rows that are scored.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        call: Literal["positional", "keyword", "dict"],
        sample: LoggedSample,
        score: str,
        label: str | None,
    ) -> None:
        self.checkpoint = checkpoint
        self.call = call
        self.score = score
        places = np.unique(np.linspace(0, sample.num_rows - 1, num=min(MOST_ROWS, sample.num_rows)).astype(np.int64))
        self._online = sample.numbers(score)[places]
        self.batch = _with_numbers(sample.batch.take(pa.array(places)), score, self._online)
        self._labels = None if label is None else sample.numbers(label)[places]

    def try_inputs(self, inputs: Sequence[DraftInput]) -> ContractTrial:
        """Score the rows, and find the output that agrees with most logged scores."""
        return self._try(tuple(inputs), None, _TOLERANCE)

    def try_output(
        self, inputs: Sequence[DraftInput], output: Mapping[str, Any], tolerance: Mapping[str, float] | None
    ) -> ContractTrial:
        """Score the rows under one contract, and compare within a tolerance; None: the default."""
        bounds = _TOLERANCE if tolerance is None else Tolerance.model_validate(dict(tolerance))
        return replace(self._try(tuple(inputs), Output.model_validate(dict(output)), bounds), tolerance=tolerance)

    def _try(self, inputs: tuple[DraftInput, ...], output: Output | None, tolerance: Tolerance) -> ContractTrial:
        try:
            model = ModelConfig(
                call=self.call, inputs=tuple(Input.model_validate(dict(each.fields)) for each in inputs)
            )
            encoded = Encoder(model, self.batch.schema).encode(self.batch)
            usable = np.flatnonzero((encoded.rejected == 0) & np.isfinite(self._online))
            rejected = _by_reason(encoded.rejected)
            if not len(usable):
                return ContractTrial(inputs, rejected=rejected, problem="no row was scored")
            tensors = {name: tensor[usable] for name, tensor in encoded.tensors.items()}
            scorer = cached_scorer(self.checkpoint, model)
            outputs = list(_outputs(*scorer.answer(tensors))) if output is None else [output]
            scores = [each.double().numpy() for each in scorer.score_each(tensors, outputs)] if outputs else []
        except (ReplayError, ValueError) as error:
            return ContractTrial(inputs, problem=_first_line(error))
        if not outputs:
            return ContractTrial(
                inputs, rejected=rejected, problem="its answer holds nothing that has one number a row"
            )
        counts = [int(agrees(each, self._online[usable], tolerance).sum()) for each in scores]
        best = int(np.argmax(counts))
        auc = None if self._labels is None else _auc(scores[best], self._labels[usable])
        return ContractTrial(inputs, outputs[best], counts[best], len(usable), rejected, auc)


def best_of(
    rehearsing: Rehearsing, inputs: Sequence[DraftInput], others: Mapping[int, Sequence[DraftInput]]
) -> ContractTrial:
    """Try inputs, and where they do not agree, each of what else they may be; what agrees better stays.

    Args:
        rehearsing: What tries.
        inputs: The likeliest.
        others: Other entries, by place.
    """
    best = rehearsing.try_inputs(inputs)
    if best.agrees:
        return best
    for turn in range(max(map(len, others.values()), default=0)):  # what is alike of all of them, such as a hash
        alike = {place: entries[turn] for place, entries in others.items() if turn < len(entries)}
        changed = rehearsing.try_inputs([alike.get(place, entry) for place, entry in enumerate(inputs)])
        best = max(best, changed, key=lambda trial: (trial.share, trial.compared))
    if best.agrees:
        return best
    for place, entries in others.items():
        for entry in entries:
            changed = rehearsing.try_inputs((*best.inputs[:place], entry, *best.inputs[place + 1 :]))
            if (changed.share, changed.compared) > (best.share, best.compared):
                best = changed
    return best


def _outputs(answer: Any, num_rows: int) -> Iterator[Output]:
    """Every way to read an answer as scores, the plainest first."""
    selects = selections(answer, num_rows)
    names = [name for name in get_args(TransformName) if name != "softmax"]
    for transform, select in product([*names, *_CHAINS], selects):
        yield Output(select=select, transform=transform)
    heads = [select for select in selects if select is not None]
    if len(heads) > 1:
        for select in heads:
            output = {"select": select, "transform": "softmax"}
            if _takes_heads(answer, select):
                yield Output.model_validate(output)


def _takes_heads(answer: Any, select: object) -> bool:
    """Whether the last step of a selection picks one of several heads of a tensor."""
    steps = select if isinstance(select, tuple) else (select,)
    value = answer
    for step in steps[:-1]:
        value = value[step] if isinstance(value, Mapping | Sequence) else getattr(value, str(step), None)
    return getattr(value, "dim", int)() == 2


def _with_numbers(batch: pa.RecordBatch, score: str, online: Floats) -> pa.RecordBatch:
    """The rows with their scores as numbers, where they were logged as text."""
    place = batch.schema.get_field_index(score)
    if place < 0 or not pa.types.is_string(batch.column(place).type):
        return batch
    return batch.set_column(place, score, pa.array(online))


def _by_reason(rejected: NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(rejected, minlength=len(REJECT_REASONS))
    return {REJECT_REASONS[code]: int(count) for code, count in enumerate(counts) if code and count}


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _auc(scores: Floats, labels: Floats) -> float | None:
    known = np.isfinite(labels) & np.isfinite(scores)
    return Auc().update(scores[known], labels[known]).compute().value


def online_auc(sample: LoggedSample, score: str | None, label: str | None) -> float | None:
    """AUC of the logged scores against the label; None where it is not defined."""
    if score is None or label is None or not sample.num_rows:
        return None
    return _auc(sample.numbers(score), sample.numbers(label))


def label_share(sample: LoggedSample, label: str) -> float | None:
    """Share of positive labels; None where there is none at all."""
    values = sample.numbers(label) if sample.num_rows else np.zeros(0)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
