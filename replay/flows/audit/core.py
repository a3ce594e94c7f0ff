"""Which features matter to a model: named, or measured by what each does to the scores where it is null."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import ReplayConfig
from replay.config.names import matches
from replay.config.sections.other_tables.audits import CoreShare
from replay.diff.chunk import read_numbers
from replay.flows.audit.plan import CostPlan
from replay.spark.tasks.arrow_mapping import Batches

_Floats = NDArray[np.float64]

_SHARPEST: Final = 2.0**-24
"""Nearer to 0 or 1 a float32 tells no probability from the next."""


class ScoreChanges:
    """How much variants change the scores of a checkpoint, a number each. Mergeable.

    Args:
        size: Number of variants.
    """

    def __init__(self, size: int) -> None:
        self._sums = np.zeros((size, 2))
        self._ends = np.full((size, 2), -np.inf)  # of -score and of score
        self._not_finite = np.zeros(size, dtype=np.int64)

    def update(self, place: int, before: _Floats, after: _Floats) -> None:
        """Add the rows that a variant changes: their scores, ``(num_rows,)`` each."""
        finite = np.isfinite(before) & np.isfinite(after)
        self._not_finite[place] += int((~finite).sum())
        pair = np.stack((before[finite], after[finite]))
        if pair.size:
            self._ends[place] = np.maximum(self._ends[place], (-pair.min(), pair.max()))
            self._sums[place] += (np.abs(pair[1] - pair[0]).sum(), np.abs(np.diff(_logits(pair), axis=0)).sum())

    def merge(self, other: ScoreChanges) -> None:
        """Add another's rows."""
        self._sums = self._sums + other._sums
        self._ends = np.maximum(self._ends, other._ends)
        self._not_finite = self._not_finite + other._not_finite

    def compute(self) -> list[float | None]:
        """The sum of |change| of each variant: of the logit where all scores are probabilities, else of the score.

        None where a score is no number.
        """
        probabilities = bool((self._ends <= (0.0, 1.0)).all())
        sums = self._sums[:, int(probabilities)]
        return [None if bad else float(value) for bad, value in zip(self._not_finite, sums, strict=True)]


def _logits(probabilities: _Floats) -> _Floats:
    held = np.clip(probabilities, _SHARPEST, 1 - _SHARPEST)
    found: _Floats = np.log(held) - np.log1p(-held)
    return found


def measure_changes(scores: Batches, plans: Iterable[CostPlan]) -> dict[str, float | None]:
    """How much the score changes where a feature is null, by variant, in one pass over the scores.

    Args:
        scores: The scores table.
        plans: Of all audits.
    """
    pairs = {plan.variant(scenario): plan.checkpoints[0] for plan in plans for scenario in plan.core.values()}
    if not pairs:
        return {}

    def update(batches: Iterable[pa.RecordBatch]) -> bytes:
        state = ScoreChanges(len(pairs))
        for batch in batches:
            for place, (variant, checkpoint) in enumerate(pairs.items()):
                after, before = (read_numbers(pa.chunked_array([batch.column(name)])) for name in (variant, checkpoint))
                touched = after.valid & before.valid
                state.update(place, before.values[touched], after.values[touched])
        return pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)

    def merge(states: Iterable[bytes]) -> bytes:
        merged = ScoreChanges(len(pairs))
        for packed in states:
            # What the tasks of this very program answered; never bytes of another origin.
            merged.merge(pickle.loads(packed))
        return pickle.dumps(merged, protocol=pickle.HIGHEST_PROTOCOL)

    columns = tuple(dict.fromkeys([*pairs, *pairs.values()]))
    found: ScoreChanges = pickle.loads(merge(scores.fold(columns, update, merge)))
    return dict(zip(pairs, found.compute(), strict=True))


def find_core(
    config: ReplayConfig,
    plans: Sequence[CostPlan],
    checkpoint: str,
    features: Sequence[str],
    changes: Mapping[str, float | None],
) -> tuple[str, ...]:
    """The features that matter to the model: named, or measured; the most important first.

    Measured, they are the fewest that have a share of the change that each feature makes to the scores where it is
    null, summed over all features. A feature that the model takes no null of cannot be measured, and is one of them.

    Args:
        config: Of the run.
        plans: Of all audits: one of them has measured the checkpoint.
        checkpoint: The model.
        features: Every feature that the model reads.
        changes: As measured, by variant.
    """
    core = config.features.core
    if not isinstance(core, CoreShare):
        return tuple(name for name in features if any(matches(glob, name) for glob in core))
    measured = {
        name: changes.get(plan.variant(scenario))
        for plan in plans
        if plan.checkpoints[0] == checkpoint
        for name, scenario in plan.core.items()
    }
    unmeasured = [name for name in features if measured.get(name) is None]
    known = {name: value for name, value in measured.items() if value is not None}
    total, held, found = sum(known.values()), 0.0, []
    for name in sorted(known, key=lambda each: (-known[each], each)):
        if held >= core.share * total:
            break
        found.append(name)
        held += known[name]
    return (*found, *unmeasured)
