"""Where hypotheses are replayed: each row that is scored is counted, and no row is scored twice for one hypothesis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.diagnosis.causes.entity_history import EntityHistory
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis, Layer, Recipe, name_features
from replay.diagnosis.causes.routed_baseline import RoutedBaseline
from replay.diff.tolerance import agrees
from replay.errors import ReplayError, TrafficError
from replay.features import Encoder, feature_column, resolve_features
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.numeric import is_list
from replay.scenarios import PerturbedColumns, resolve_step
from replay.scenarios.forms import working_type
from replay.scoring.chunks import ChunkedScorer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Tensors = dict[str, torch.Tensor]
OlderValues = Callable[[str, timedelta], pa.Array]

_CHUNKS_TOGETHER = 8  # of hypotheses that are scored together: only the last one is filled up with rows for nothing
_KEPT_SCORERS = 4  # spliced and cast checkpoints that stay open at once


@dataclass(frozen=True, eq=False)
class _Job:
    """Rows of one hypothesis, ready for the model.

    Attributes:
        rows: ``(k,)`` int64, rows of the evidence.
        tensors: By input name, k rows each.
        accepted: ``(k,)``, rows that the model's contract accepts.
        hypothesis: Whose rows these are.
    """

    rows: Integers
    tensors: Tensors
    accepted: Mask
    hypothesis: Hypothesis


class CounterfactualReplay:
    """Replays hypotheses on the rows of an incident.

    Args:
        model: The model's contract.
        evidence: Rows and what online answered.
        scorers: An opened scorer by checkpoint name.
        baseline: The checkpoint that should have answered.
        tolerance: When two scores agree.
        budget: Rows that may be scored. The baseline's own scores of the rows are not counted: they are the replay.
        open_recipe: Opens a checkpoint that is made of others; None: hypotheses that need one are not tried.
        chunk_rows: Rows given to a scorer at once; fewer are filled up, so that bits depend on no neighbour.
        parameters: Names of the model's parameters (``query_tower.0.weight``), which may come from other checkpoints.
        routed: Which checkpoint answers which row, where the baseline is a route.

    Attributes:
        rows_scored: Rows scored so far.
        reserved: Rows of the budget that are kept for later.
        bad: Mismatched rows that the model accepts and that the baseline does not explain.
        good: Control rows on which the baseline agrees.
        units: What fails together: families, everything, then single features; each set once.
    """

    def __init__(
        self,
        model: ModelConfig,
        evidence: Evidence,
        scorers: Mapping[str, Scorer],
        baseline: str,
        tolerance: Tolerance,
        budget: int,
        open_recipe: Callable[[Recipe], Scorer] | None = None,
        chunk_rows: int = 2048,
        parameters: Sequence[str] = (),
        routed: RoutedBaseline | None = None,
    ) -> None:
        self.model = model
        self.evidence = evidence
        self.baseline = baseline
        self.tolerance = tolerance
        self.budget = budget
        self.can_open_recipes = open_recipe is not None
        self.parameters = tuple(parameters) if open_recipe is not None else ()
        self.checkpoints = tuple(scorers)
        self.routed = routed
        self.rows_scored = 0
        self.reserved = 0
        self._scorers = scorers
        self._open_recipe = open_recipe
        self._opened: OrderedDict[str, Scorer] = OrderedDict()
        self._chunk_rows = chunk_rows
        self._encoder = Encoder(model, evidence.batch.schema)
        self._columns = self._encoder.columns(evidence.batch)
        self.features = self._encoder.features
        self._types = {feature: self._columns[feature].type for feature in self.features}
        resolution = resolve_features(model, evidence.batch.schema)
        self.families = dict(resolution.families)
        self.inputs = {
            found.feature.name: entry for entry in model.inputs for found in resolution.inputs.get(entry.name, ())
        }
        units = [*self.families.values(), self.features, *((feature,) for feature in self.features)]
        self.units = list(dict.fromkeys(tuple(unit) for unit in units if unit))
        encoded = self._encoder.encode(evidence.batch)
        self._tensors = encoded.tensors
        self._accepted: Mask = encoded.rejected == 0
        self._known: dict[Hypothesis, Mask] = {}
        self._scores: dict[Hypothesis, Floats] = {}
        self.history = _history(evidence)
        self._past = _past(evidence)
        self._past_columns: dict[str, pa.Array] = {}
        self._last_rows: Integers = np.empty(0, np.int64)
        self._last_values: dict[str, pa.Array] = {}
        self._last_history: dict[timedelta, pa.Array] = {}
        self.past_features = tuple(name for name in self.features if self._is_past(name))
        self._score_baseline()

    def _score_baseline(self) -> None:
        """What the baseline answers, and the rows that are of use."""
        every = np.arange(self.evidence.batch.num_rows)
        job = _Job(every, self._tensors, self._accepted, Hypothesis("", self.baseline))
        self._model_scores = self._score([job])[0]
        self.base_scores: Floats = self._answered(self._model_scores)
        online = self.evidence.online
        agree = agrees(self.base_scores, online, self.tolerance)
        usable = self._accepted & np.isfinite(online) & np.isfinite(self.base_scores)
        self.bad: Integers = np.flatnonzero(self.evidence.mismatched & usable & ~agree)
        self.good: Integers = np.flatnonzero(~self.evidence.mismatched & usable & agree)

    @property
    def online(self) -> Floats:
        """``(num_rows,)``, what online answered."""
        return self.evidence.online

    @property
    def left(self) -> int:
        """Rows that may still be scored, but for what is kept for later."""
        return max(self.budget - self.rows_scored - self.reserved, 0)

    @property
    def other_checkpoints(self) -> tuple[str, ...]:
        """All but the baseline."""
        return tuple(name for name in self.checkpoints if name != self.baseline)

    def column(self, feature: str) -> pa.Array:
        """A feature's logged values, ``(num_rows,)``; those of a dictionary as they are."""
        column = self._columns[feature]
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def type_of(self, feature: str) -> pa.DataType:
        """A feature's logged type."""
        return self._types[feature]

    def is_quantity(self, feature: str) -> bool:
        """Whether a feature is a number, or a list of numbers, that the model takes as a float, not as an index."""
        entry, kind = self.inputs[feature], working_type(self._types[feature])
        element = kind.value_type if pa.types.is_large_list(kind) else kind
        is_looked_up = entry.vocabulary is not None or entry.hash is not None
        is_index = is_looked_up or ("float" not in entry.dtype and not entry.transform.of(feature))
        return not is_index and element in NUMPY_TYPES and not pa.types.is_boolean(element)

    def is_scalar(self, feature: str) -> bool:
        """Whether a feature is one value a row, and no list."""
        kind = self._types[feature]
        return not (is_list(kind) or pa.types.is_nested(kind))

    def inputs_of(self, rows: Integers) -> Integers:
        """Number rows by what the baseline is given: ``(k,)``, the same for rows whose encoded inputs are equal."""
        index = torch.from_numpy(rows)
        parts = [tensor[index].contiguous().reshape(len(rows), -1) for tensor in self._tensors.values()]
        columns = [part.view(torch.uint8).numpy() for part in parts if part.shape[1]]
        if self.routed is not None:
            columns.append(self.routed.places[rows, None].view(np.uint8))
        return np.unique(np.hstack(columns), axis=0, return_inverse=True)[1].reshape(-1)

    def hypothesis(
        self,
        kind: str,
        features: Sequence[str] = (),
        *,
        checkpoint: str | None = None,
        perturbations: Sequence[Perturbation] = (),
        recipe: Recipe | None = None,
        layer: Layer | None = None,
        is_fitted: bool = False,
        **parameters: Any,
    ) -> Hypothesis:
        """Make a hypothesis; its features are put in schema order and named by family.

        Args:
            kind: See :class:`Hypothesis`, as for all others.
            features: In any order.
            checkpoint: Default: the baseline.
            perturbations: In order.
            recipe: Of the checkpoint that scores.
            layer: What the scores go through.
            is_fitted: Whether a number was fitted to the rows.
            **parameters: What else says what was done.
        """
        wanted = set(features)
        ordered = tuple(feature for feature in self.features if feature in wanted)
        families, others = name_features(ordered, self.families)
        return Hypothesis(
            kind,
            checkpoint or self.baseline,
            ordered,
            tuple(parameters.items()),
            families=families,
            other_features=others,
            perturbations=tuple(perturbations),
            recipe=recipe,
            layer=layer,
            is_fitted=is_fitted,
        )

    def perturbed(
        self, kind: str, features: Sequence[str], op: str, *, is_fitted: bool = False, **arguments: Any
    ) -> Hypothesis:
        """Make the hypothesis that one op changed some features.

        Args:
            kind: Name of the kind of cause.
            features: In any order.
            op: Name of the perturbation.
            is_fitted: Whether a number was fitted to the rows.
            **arguments: Of the op; they are the hypothesis's parameters too.
        """
        made = self.hypothesis(kind, features, is_fitted=is_fitted, **arguments)
        return self._with_step(made, Perturbation(op=op, features=tuple(features), **arguments))

    def moved(self, hypothesis: Hypothesis, features: Sequence[str]) -> Hypothesis:
        """The same that :meth:`perturbed` made, of other features."""
        (step,) = hypothesis.perturbations
        parameters = dict(hypothesis.parameters)
        made = self.hypothesis(hypothesis.kind, features, is_fitted=hypothesis.is_fitted, **parameters)
        return self._with_step(made, step)

    def _with_step(self, made: Hypothesis, step: Perturbation) -> Hypothesis:
        named = step.model_copy(update={"families": made.families, "features": made.other_features})
        return replace(made, perturbations=(named,))

    def predict(self, hypotheses: Sequence[Hypothesis], rows: Integers) -> Floats:
        """Scores that online would have answered.

        Args:
            hypotheses: To be replayed; rows of several share a chunk.
            rows: ``(k,)`` rows of the evidence.

        Returns:
            ``(len(hypotheses), k)``; NaN where the model refuses what the hypothesis makes of a row, and where the
            budget is spent.
        """
        groups: dict[str, list[tuple[Hypothesis, Integers]]] = {}
        for hypothesis in hypotheses:
            known = self._known.get(hypothesis)
            missing = rows if known is None else rows[~known[rows]]
            cost = 0 if self._is_layer_alone(hypothesis) else len(missing)
            if not len(missing) or cost > self.left:
                continue
            if known is None:
                self._known[hypothesis] = np.zeros(len(self.online), np.bool_)
                self._scores[hypothesis] = np.full(len(self.online), np.nan)
            self.rows_scored += cost
            self._known[hypothesis][missing] = True
            groups.setdefault(hypothesis.scorer, []).append((hypothesis, missing))
        for members in groups.values():
            self._score_group(members)
        empty = np.full(len(self.online), np.nan)
        return np.stack([self._scores.get(one, empty)[rows] for one in hypotheses]) if hypotheses else np.empty((0, 0))

    def is_known(self, hypothesis: Hypothesis, rows: Integers) -> bool:
        """Whether a hypothesis was replayed on all these rows."""
        known = self._known.get(hypothesis)
        return known is not None and bool(known[rows].all())

    def explains(self, hypothesis: Hypothesis, rows: Integers) -> Mask:
        """Rows that a hypothesis changes, and brings within tolerance of what online answered, ``(k,)``."""
        scores = self.predict([hypothesis], rows)[0]
        explained: Mask = self.agree(scores, rows) & (scores != self.base_scores[rows])
        return explained

    def agree(self, scores: Floats, rows: Integers) -> Mask:
        """Whether scores of some rows are within tolerance of what online answered."""
        return agrees(scores, self.online[rows], self.tolerance)

    def same_scores(self, one: Hypothesis, other: Hypothesis, rows: Integers) -> bool:
        """Whether two hypotheses give the same scores, within tolerance, on all of some rows; False: not known."""
        scores = self.predict([one, other], rows)
        if not (self.is_known(one, rows) and self.is_known(other, rows)):
            return False
        neither = np.isnan(scores).all(axis=0)
        return bool((agrees(scores[1], scores[0], self.tolerance) | neither).all())

    def past(self, feature: str) -> pa.Array:
        """A feature's values in the history, ``(num_history,)``."""
        if self._past is None:
            raise ValueError("found no history, expected one where stale features are tried")
        if feature not in self._past_columns:
            self._past_columns[feature] = feature_column(self._past, feature).cast(self._types[feature])
        return self._past_columns[feature]

    def score_past(self, hypothesis: Hypothesis, rows: Integers, indices: Integers) -> Floats:
        """Scores of a hypothesis about older values, each row's taken from one row of the history.

        Args:
            hypothesis: Whatever its lag is.
            rows: ``(k,)``; a row may come several times.
            indices: ``(k,)`` into the history's order; -1 for a row that had no value yet.

        Returns:
            ``(k,)``; NaN where the budget does not reach.
        """
        scores = np.full(len(rows), np.nan)
        if self.history is None or len(rows) > self.left:
            return scores
        self.rows_scored += len(rows)
        for start in range(0, len(rows), self._chunk_rows):
            part = slice(start, start + self._chunk_rows)
            job = self._prepare(hypothesis, rows[part], self._values_at(indices[part]))
            if job is not None:
                scores[part] = self._answered(self._score([job])[0])
        return scores

    def _is_layer_alone(self, hypothesis: Hypothesis) -> bool:
        """Whether it starts from the baseline's scores, which are known."""
        return hypothesis.scorer == self.baseline and not hypothesis.perturbations

    def _scorer(self, hypothesis: Hypothesis) -> Scorer:
        if hypothesis.recipe is None:
            return self._scorers[hypothesis.checkpoint]
        if self._open_recipe is None:
            raise ValueError(f"found {hypothesis.recipe}, but was given no way to open it")
        key = hypothesis.scorer
        if key not in self._opened:
            self._opened[key] = self._open_recipe(hypothesis.recipe)
            if len(self._opened) > _KEPT_SCORERS:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return self._opened[key]

    def _score(self, jobs: Sequence[_Job]) -> list[Floats]:
        """Score jobs of one scorer in full chunks that they share; NaN where a row was not accepted."""
        hypothesis = jobs[0].hypothesis
        if self.routed is None or hypothesis.recipe is not None or hypothesis.checkpoint != self.baseline:
            return self._score_with(self._scorer(hypothesis), jobs)
        found = [np.full(len(job.rows), np.nan) for job in jobs]
        for scores, job in zip(found, jobs, strict=True):
            for name, chosen in self.routed.parts(job.rows):
                index = torch.from_numpy(chosen)
                tensors = {entry: tensor[index] for entry, tensor in job.tensors.items()}
                part = replace(job, rows=job.rows[chosen], tensors=tensors, accepted=job.accepted[chosen])
                scores[chosen] = self._score_with(self._scorers[name], [part])[0]
        return found

    def _score_with(self, scorer: Scorer, jobs: Sequence[_Job]) -> list[Floats]:
        found = ChunkedScorer(scorer, self._chunk_rows, np.float64).score([job.tensors for job in jobs])
        return [np.where(job.accepted, scores, np.nan) for job, scores in zip(jobs, found, strict=True)]

    def _score_group(self, members: Sequence[tuple[Hypothesis, Integers]]) -> None:
        """Score hypotheses that share a scorer, many to a chunk."""
        pending: list[_Job] = []
        for hypothesis, rows in members:
            if self._is_layer_alone(hypothesis):
                self._put(hypothesis, rows, self._model_scores[rows])
                continue
            job = self._prepare(hypothesis, rows, self._older_values(rows))
            if job is not None:
                pending.append(job)
            if sum(len(one.rows) for one in pending) >= _CHUNKS_TOGETHER * self._chunk_rows:
                self._finish(pending)
                pending = []
        self._finish(pending)

    def _finish(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            results = self._score(jobs)
        except ReplayError:
            # One hypothesis may make what the model refuses, such as an id beyond its table: the others still count.
            if len(jobs) > 1:
                for job in jobs:
                    self._finish([job])
            return
        for job, scores in zip(jobs, results, strict=True):
            self._put(job.hypothesis, job.rows, scores)

    def _put(self, hypothesis: Hypothesis, rows: Integers, scores: Floats) -> None:
        self._scores[hypothesis][rows] = self._answered(
            scores if hypothesis.layer is None else hypothesis.layer(scores)
        )

    def _answered(self, scores: Floats) -> Floats:
        """What online makes of a model's scores at all times."""
        return scores if self.evidence.as_answered is None else self.evidence.as_answered(scores)

    def _prepare(self, hypothesis: Hypothesis, rows: Integers, older: OlderValues) -> _Job | None:
        """Encode what a hypothesis makes of some rows; None where an op does not fit the features."""
        index = torch.from_numpy(rows)
        tensors = {name: tensor[index] for name, tensor in self._tensors.items()}
        if not hypothesis.perturbations:
            return _Job(rows, tensors, self._accepted[rows], hypothesis)
        try:
            changed = self._perturb(hypothesis, rows, older)
        except (ReplayError, pa.ArrowException, OverflowError):
            return None
        encoded = self._encoder.encode_features(changed, tensors)
        return _Job(rows, encoded.tensors, self._accepted[rows] & (encoded.rejected == 0), hypothesis)

    def _perturb(self, hypothesis: Hypothesis, rows: Integers, older: OlderValues) -> dict[str, pa.Array]:
        """Features after the steps of a scenario, ``(k,)`` each, by the code that scores scenarios."""
        columns = PerturbedColumns(self._logged_values(rows), older, np.arange(len(rows)), len(rows))
        # No other feature has a part in it; of several causes at once any may.
        types = {feature: self._types[feature] for feature in hypothesis.features or self.features}
        for step in hypothesis.perturbations:
            resolve_step(step, self.model, types).apply(columns, rows.astype(np.uint64))
        return columns.changed(types)

    def _logged_values(self, rows: Integers) -> Callable[[str], pa.Array]:
        """Logged values of some rows, by feature: many hypotheses in turn are about the same rows."""
        if not np.array_equal(rows, self._last_rows):
            self._last_rows, self._last_values, self._last_history = rows, {}, {}
        taken = pa.array(rows)

        def logged(feature: str) -> pa.Array:
            if feature not in self._last_values:
                self._last_values[feature] = self._columns[feature].take(taken)
            return self._last_values[feature]

        return logged

    def _older_values(self, rows: Integers) -> OlderValues:
        """The entities' newest values that are so old, by feature and lag."""

        def older(feature: str, lag: timedelta) -> pa.Array:
            if self.history is None:
                raise TrafficError("found no history, expected one where stale features are tried")
            if lag not in self._last_history:
                indices = self.history.indices(rows, lag // timedelta(microseconds=1))
                self._last_history[lag] = self._history_rows(indices)
            return self.past(feature).take(self._last_history[lag])

        return older

    def _values_at(self, indices: Integers) -> OlderValues:
        """Values of the history at some of its rows, whatever the lag."""
        found = self._history_rows(indices)
        return lambda feature, _: self.past(feature).take(found)

    def _history_rows(self, indices: Integers) -> pa.Array:
        found = np.full(len(indices), -1) if self.history is None else self.history.rows_at(indices)
        return pa.array(found, mask=found < 0)

    def _is_past(self, feature: str) -> bool:
        if self.history is None or self._past is None:
            return False
        try:
            return len(self.past(feature)) > 0
        except (TrafficError, pa.ArrowException):
            return False


def _history(evidence: Evidence) -> EntityHistory | None:
    table = evidence.history
    if table is None or evidence.entity is None or evidence.time_us is None or table.num_rows == 0:
        return None
    entity = table.column("entity").combine_chunks()
    times = table.column("time_us").to_numpy().astype(np.int64)
    return EntityHistory(entity, times, evidence.entity, evidence.time_us)


def _past(evidence: Evidence) -> pa.RecordBatch | None:
    table = evidence.history
    return None if table is None or table.num_rows == 0 else table.combine_chunks().to_batches()[0]
