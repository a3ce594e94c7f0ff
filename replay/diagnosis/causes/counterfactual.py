"""Where hypotheses are replayed: each row that is scored is counted, and no row is scored twice for one hypothesis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model import ModelConfig
from replay.diagnosis.causes import alterations
from replay.diagnosis.causes.asof import EntityHistory
from replay.diagnosis.causes.chunks import Job, score_jobs
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypotheses import Hypothesis, name_features
from replay.diff.tolerance import agrees
from replay.errors import ReplayError, TrafficError
from replay.features import Encoder, feature_column, resolve_features

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_KEPT_SCORERS = 4  # spliced and cast checkpoints that stay open at once


class CounterfactualReplay:
    """Replays hypotheses on the rows of an incident.

    Args:
        model: The model's contract.
        evidence: Rows and what online answered.
        scorers: An opened scorer by checkpoint name.
        baseline: The checkpoint that should have answered.
        tolerance: When two scores agree.
        budget: Rows that may be scored. The baseline's own scores of the rows are not counted: they are the replay.
        splice: Opens a model with the parameters of several checkpoints, by glob; None: splices are not tried.
        cast: Opens a checkpoint whose parameters are cast to a dtype; None: casts are not tried.
        chunk_rows: Rows given to a scorer at once; fewer are filled up, so that bits depend on no neighbour.
        prefixes: Module prefixes of parameter names (``query_tower``), for splices: ``module_prefixes`` lists them.

    Attributes:
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
        splice: Callable[[dict[str, str]], Scorer] | None = None,
        cast: Callable[[str, str], Scorer] | None = None,
        chunk_rows: int = 2048,
        prefixes: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.evidence = evidence
        self.baseline = baseline
        self.tolerance = tolerance
        self.budget = budget
        self.can_cast = cast is not None
        self.prefixes = tuple(prefixes) if splice is not None else ()
        self.checkpoints = tuple(scorers)
        self.rows_scored = 0
        self.reserved = 0
        self._scorers = scorers
        self._splice = splice
        self._cast = cast
        self._opened: OrderedDict[Hypothesis, Scorer] = OrderedDict()
        self._chunk_rows = chunk_rows
        self._encoder = Encoder(model, evidence.batch.schema)
        self._columns = self._encoder.columns(evidence.batch)
        self.features = self._encoder.features
        resolution = resolve_features(model, evidence.batch.schema)
        self.families = dict(resolution.families)
        self.inputs = {
            found.feature.name: entry for entry in model.inputs for found in resolution.inputs.get(entry.name, ())
        }
        encoded = self._encoder.encode(evidence.batch)
        self._tensors = encoded.tensors
        self._accepted: Mask = encoded.rejected == 0
        self._known: dict[Hypothesis, Mask] = {}
        self._scores: dict[Hypothesis, Floats] = {}
        self.history = _history(evidence)
        self._past = _past(evidence)
        self._past_columns: dict[str, pa.Array] = {}
        self.past_features = tuple(name for name in self.features if self._is_past(name))
        self._score_baseline(chunk_rows)

    def _score_baseline(self, chunk_rows: int) -> None:
        """What the baseline answers, and the rows that are of use."""
        every = np.arange(self.evidence.batch.num_rows)
        job = Job(0, every, self._tensors, self._accepted)
        self.base_scores: Floats = score_jobs(self._scorers[self.baseline], [job], chunk_rows)[0]
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

    def column(self, feature: str) -> pa.Array:
        """A feature's logged values, ``(num_rows,)``."""
        return self._columns[feature]

    def on(self, kind: str, touched: Sequence[str] = (), checkpoint: str | None = None, **given: Any) -> Hypothesis:
        """Make a hypothesis; its features are put in schema order and named by family."""
        wanted = set(touched)
        ordered = tuple(feature for feature in self.features if feature in wanted)
        families, features = name_features(ordered, self.families)
        return Hypothesis(kind, checkpoint or self.baseline, ordered, families=families, features=features, **given)

    def predict(self, hypotheses: Sequence[Hypothesis], rows: Integers) -> Floats:
        """Scores that online would have answered.

        Args:
            hypotheses: To be replayed; rows of several share a chunk.
            rows: ``(k,)`` rows of the evidence.

        Returns:
            ``(len(hypotheses), k)``; NaN where the model refuses what the hypothesis makes of a row, and where the
            budget is spent.
        """
        groups: dict[object, list[tuple[int, Hypothesis, Integers]]] = {}
        for place, hypothesis in enumerate(hypotheses):
            known = self._known.get(hypothesis)
            missing = rows if known is None else rows[~known[rows]]
            if not len(missing) or (self._costs(hypothesis) and len(missing) > self.left):
                continue
            if hypothesis not in self._known:
                self._known[hypothesis] = np.zeros(len(self.online), np.bool_)
                self._scores[hypothesis] = np.full(len(self.online), np.nan)
            if self._costs(hypothesis):
                self.rows_scored += len(missing)
            self._known[hypothesis][missing] = True
            groups.setdefault(self._scorer_key(hypothesis), []).append((place, hypothesis, missing))
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

    def _costs(self, hypothesis: Hypothesis) -> bool:
        return hypothesis.kind != "affine"

    def _scorer_key(self, hypothesis: Hypothesis) -> object:
        source = _source(hypothesis)
        return source if source.kind in ("splice", "precision") else source.checkpoint

    def _scorer(self, hypothesis: Hypothesis) -> Scorer:
        source = _source(hypothesis)
        if source.kind not in ("splice", "precision"):
            return self._scorers[source.checkpoint]
        if source not in self._opened:
            self._opened[source] = self._open(source)
            if len(self._opened) > _KEPT_SCORERS:
                self._opened.popitem(last=False)
        self._opened.move_to_end(source)
        return self._opened[source]

    def _open(self, hypothesis: Hypothesis) -> Scorer:
        if hypothesis.kind == "splice" and self._splice is not None:
            return self._splice(dict(hypothesis.splice))
        if hypothesis.kind == "precision" and self._cast is not None and hypothesis.dtype is not None:
            return self._cast(hypothesis.checkpoint, hypothesis.dtype)
        raise ValueError(f"found {hypothesis.describe()}, which this laboratory was given no way to open")

    def _score_group(self, members: Sequence[tuple[int, Hypothesis, Integers]]) -> None:
        """Score hypotheses that share a scorer, many to a chunk."""
        pending: list[Job] = []
        by_place = {place: hypothesis for place, hypothesis, _ in members}
        for place, hypothesis, rows in members:
            if hypothesis.kind == "affine":
                self._scores[hypothesis][rows] = _affine(hypothesis, self.base_scores[rows])
                continue
            job = self._prepare(place, hypothesis, rows)
            if job is not None:
                pending.append(job)
            if sum(len(one.rows) for one in pending) >= self._chunk_rows:
                self._finish(by_place, pending)
                pending = []
        self._finish(by_place, pending)

    def _finish(self, by_place: Mapping[int, Hypothesis], jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            results = score_jobs(self._scorer(by_place[jobs[0].place]), jobs, self._chunk_rows)
        except ReplayError:
            # One hypothesis may make what the model refuses, such as an id beyond its table: the others still count.
            if len(jobs) == 1:
                return
            for job in jobs:
                self._finish(by_place, [job])
            return
        for job, scores in zip(jobs, results, strict=True):
            hypothesis = by_place[job.place]
            for part in hypothesis.parts:
                if part.kind == "affine":
                    scores = _affine(part, scores)
            self._scores[hypothesis][job.rows] = scores

    def _prepare(self, place: int, hypothesis: Hypothesis, rows: Integers) -> Job | None:
        """Encode what a hypothesis makes of some rows; None where their types do not allow it."""
        index = torch.from_numpy(rows)
        tensors = {name: tensor[index] for name, tensor in self._tensors.items()}
        try:
            changed = self._altered(hypothesis, rows)
        except (pa.ArrowException, OverflowError):
            return None
        if not changed:
            return Job(place, rows, tensors, self._accepted[rows])
        encoded = self._encoder.encode_features(changed, tensors)
        return Job(place, rows, encoded.tensors, self._accepted[rows] & (encoded.rejected == 0))

    def _altered(self, hypothesis: Hypothesis, rows: Integers) -> dict[str, pa.Array]:
        changed: dict[str, pa.Array] = {}
        for part in hypothesis.parts:
            changed |= self._altered(part, rows)
        places = self._stale_rows(hypothesis, rows) if hypothesis.kind == "stale_features" else None
        for feature in hypothesis.touched:
            changed[feature] = self._alter(hypothesis, feature, rows, places)
        return changed

    def _alter(self, hypothesis: Hypothesis, feature: str, rows: Integers, places: pa.Array | None) -> pa.Array:
        logged = self.column(feature)
        if hypothesis.kind == "null_features":
            return pa.nulls(len(rows), logged.type)
        if hypothesis.kind == "stale_features":
            return self.past(feature).take(places)
        if hypothesis.kind == "swap":
            first, second = hypothesis.touched
            return self.column(second if feature == first else first).take(pa.array(rows))
        taken = logged.take(pa.array(rows))
        return (alterations.scale if hypothesis.kind == "scale" else alterations.constant)(taken, hypothesis)

    def _is_past(self, feature: str) -> bool:
        if self.history is None or self._past is None:
            return False
        try:
            return len(self.past(feature)) > 0
        except (TrafficError, pa.ArrowException):
            return False

    def past(self, feature: str) -> pa.Array:
        """A feature's values in the history, ``(num_history,)``."""
        if self._past is None:
            raise ValueError("found no history, expected one where stale features are tried")
        if feature not in self._past_columns:
            self._past_columns[feature] = feature_column(self._past, feature).cast(self.column(feature).type)
        return self._past_columns[feature]

    def _stale_rows(self, hypothesis: Hypothesis, rows: Integers) -> pa.Array:
        if self.history is None or hypothesis.lag_us is None:
            raise ValueError("found no history, expected one where stale features are tried")
        places = self.history.rows_at(self.history.places(rows, hypothesis.lag_us))
        return pa.array(places, mask=places < 0)

    def score_past(self, touched: Sequence[str], rows: Integers, places: Integers) -> Floats:
        """Scores of rows whose features are those of one place of the history each.

        Args:
            touched: Features.
            rows: ``(k,)``; a row may come several times.
            places: ``(k,)`` places in the history's order; -1 for a row that had no value yet.

        Returns:
            ``(k,)``; NaN where the budget does not reach.
        """
        scores = np.full(len(rows), np.nan)
        if self.history is None or len(rows) > self.left:
            return scores
        self.rows_scored += len(rows)
        found = self.history.rows_at(places)
        taken = pa.array(found, mask=found < 0)
        for start in range(0, len(rows), self._chunk_rows):
            part = slice(start, start + self._chunk_rows)
            index = torch.from_numpy(rows[part])
            tensors = {name: tensor[index] for name, tensor in self._tensors.items()}
            changed = {feature: self.past(feature).take(taken[part]) for feature in touched}
            encoded = self._encoder.encode_features(changed, tensors)
            accepted = self._accepted[rows[part]] & (encoded.rejected == 0)
            job = Job(0, rows[part], encoded.tensors, accepted)
            scores[part] = score_jobs(self._scorers[self.baseline], [job], self._chunk_rows)[0]
        return scores


def _source(hypothesis: Hypothesis) -> Hypothesis:
    """The part of a hypothesis that says which model answers."""
    for part in hypothesis.parts:
        if part.kind in ("checkpoint", "splice", "precision"):
            return part
    return hypothesis


def _affine(hypothesis: Hypothesis, scores: Floats) -> Floats:
    offset, slope = hypothesis.offset or 0.0, 1.0 if hypothesis.slope is None else hypothesis.slope
    if not hypothesis.logit:
        return offset + slope * scores
    with np.errstate(all="ignore"):
        logits = offset + slope * (np.log(scores) - np.log1p(-scores))
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))


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
