"""Where hypotheses are replayed: each row that is scored is counted, and no row is scored twice for one hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.diagnosis.causes.counterfactual.altered_rows import AlteredRows, Job
from replay.diagnosis.causes.counterfactual.hypothesis_scorers import HypothesisScorers
from replay.diagnosis.causes.counterfactual.logged_features import LoggedFeatures
from replay.diagnosis.causes.counterfactual.routed_baseline import RoutedBaseline
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis, Layer, Recipe, name_features
from replay.diff.tolerance import agrees
from replay.errors import ReplayError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_CHUNKS_TOGETHER = 8  # of hypotheses that are scored together: only the last one is filled up with rows for nothing


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
        logged: Features of the rows, and of their entities' past.
        rows_scored: Rows scored so far.
        reserved: Rows of the budget that are kept for later.
        bad: Mismatched rows that the model accepts and that the baseline does not explain.
        good: Control rows on which the baseline agrees.
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
        self.logged = LoggedFeatures(model, evidence)
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
        self._chunk_rows = chunk_rows
        self._rows = AlteredRows(self.logged)
        self._scorers = HypothesisScorers(scorers, baseline, open_recipe, chunk_rows, routed)
        self._known: dict[Hypothesis, Mask] = {}
        self._scores: dict[Hypothesis, Floats] = {}
        self._score_baseline()

    def _score_baseline(self) -> None:
        """What the baseline answers, and the rows that are of use."""
        self._model_scores = self._scorers.score([self._rows.every_row(Hypothesis("", self.baseline))])[0]
        self.base_scores: Floats = self._answered(self._model_scores)
        online = self.evidence.online
        agree = agrees(self.base_scores, online, self.tolerance)
        usable = self.logged.accepted & np.isfinite(online) & np.isfinite(self.base_scores)
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

    def inputs_of(self, rows: Integers) -> Integers:
        """Number rows by what the baseline is given: ``(k,)``, the same for rows whose encoded inputs are equal."""
        columns = [self.logged.encoded(rows)]
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
        ordered = tuple(feature for feature in self.logged.features if feature in wanted)
        families, others = name_features(ordered, self.logged.families)
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
        if self.logged.history is None or len(rows) > self.left:
            return scores
        self.rows_scored += len(rows)
        for start in range(0, len(rows), self._chunk_rows):
            part = slice(start, start + self._chunk_rows)
            job = self._rows.make_of_past(hypothesis, rows[part], indices[part])
            if job is not None:
                scores[part] = self._answered(self._scorers.score([job])[0])
        return scores

    def _is_layer_alone(self, hypothesis: Hypothesis) -> bool:
        """Whether it starts from the baseline's scores, which are known."""
        return hypothesis.scorer == self.baseline and not hypothesis.perturbations

    def _score_group(self, members: Sequence[tuple[Hypothesis, Integers]]) -> None:
        """Score hypotheses that share a scorer, many to a chunk."""
        pending: list[Job] = []
        for hypothesis, rows in members:
            if self._is_layer_alone(hypothesis):
                self._put(hypothesis, rows, self._model_scores[rows])
                continue
            job = self._rows.make(hypothesis, rows)
            if job is not None:
                pending.append(job)
            if sum(len(one.rows) for one in pending) >= _CHUNKS_TOGETHER * self._chunk_rows:
                self._finish(pending)
                pending = []
        self._finish(pending)

    def _finish(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            results = self._scorers.score(jobs)
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
