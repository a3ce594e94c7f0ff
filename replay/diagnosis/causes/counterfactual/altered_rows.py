"""What hypotheses make of logged rows, by the code that makes a scenario's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual.logged_features import LoggedFeatures
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.errors import ReplayError, TrafficError
from replay.scenarios import PerturbedColumns, resolve_step

Integers = NDArray[np.int64]
OlderValues = Callable[[str, timedelta], pa.Array]


@dataclass(frozen=True, eq=False)
class Job:
    """Rows of one hypothesis, ready for the model.

    Attributes:
        rows: ``(k,)`` int64, rows of the evidence.
        tensors: By input name, k rows each.
        accepted: ``(k,)``, rows that the model's contract accepts.
        hypothesis: Whose rows these are.
    """

    rows: Integers
    tensors: dict[str, torch.Tensor]
    accepted: NDArray[np.bool_]
    hypothesis: Hypothesis


class AlteredRows:
    """Makes the rows of a hypothesis; many hypotheses in turn are about the same rows, whose values are kept.

    Args:
        logged: What was logged.
    """

    def __init__(self, logged: LoggedFeatures) -> None:
        self._logged = logged
        self._rows: Integers = np.empty(0, np.int64)
        self._values: dict[str, pa.Array] = {}
        self._indices: dict[timedelta, pa.Array] = {}

    def every_row(self, hypothesis: Hypothesis) -> Job:
        """All rows as they were logged."""
        return Job(np.arange(len(self._logged.accepted)), self._logged.tensors, self._logged.accepted, hypothesis)

    def make(self, hypothesis: Hypothesis, rows: Integers) -> Job | None:
        """Encode what a hypothesis makes of ``(k,)`` rows; None where an op does not fit the features."""
        return self._make(hypothesis, rows, self._older_values(rows))

    def make_of_past(self, hypothesis: Hypothesis, rows: Integers, indices: Integers) -> Job | None:
        """The same with older values that are each taken from one row of the history, whatever the lag is.

        Args:
            hypothesis: About older values.
            rows: ``(k,)``.
            indices: ``(k,)`` into the history's order; -1 for a row that had no value yet.
        """
        found = self._history_rows(indices)
        return self._make(hypothesis, rows, lambda feature, _: self._logged.past(feature).take(found))

    def _make(self, hypothesis: Hypothesis, rows: Integers, older: OlderValues) -> Job | None:
        logged, index = self._logged, torch.from_numpy(rows)
        tensors = {name: tensor[index] for name, tensor in logged.tensors.items()}
        if not hypothesis.perturbations:
            return Job(rows, tensors, logged.accepted[rows], hypothesis)
        try:
            changed = self._perturb(hypothesis, rows, older)
        except (ReplayError, pa.ArrowException, OverflowError):
            return None
        encoded = logged.encoder.encode_features(changed, tensors)
        return Job(rows, encoded.tensors, logged.accepted[rows] & (encoded.rejected == 0), hypothesis)

    def _perturb(self, hypothesis: Hypothesis, rows: Integers, older: OlderValues) -> dict[str, pa.Array]:
        """Features after the steps of a scenario, ``(k,)`` each."""
        columns = PerturbedColumns(self._logged_values(rows), older, np.arange(len(rows)), len(rows))
        # No other feature has a part in it; of several causes at once any may.
        types = {one: self._logged.type_of(one) for one in hypothesis.features or self._logged.features}
        for step in hypothesis.perturbations:
            resolve_step(step, self._logged.model, types).apply(columns, rows.astype(np.uint64))
        return columns.changed(types)

    def _logged_values(self, rows: Integers) -> Callable[[str], pa.Array]:
        """Logged values of some rows, by feature."""
        if not np.array_equal(rows, self._rows):
            self._rows, self._values, self._indices = rows, {}, {}
        taken = pa.array(rows)

        def logged(feature: str) -> pa.Array:
            if feature not in self._values:
                self._values[feature] = self._logged.as_logged(feature).take(taken)
            return self._values[feature]

        return logged

    def _older_values(self, rows: Integers) -> OlderValues:
        """The entities' newest values that are so old, by feature and lag."""

        def older(feature: str, lag: timedelta) -> pa.Array:
            history = self._logged.history
            if history is None:
                raise TrafficError("found no history, expected one where stale features are tried")
            if lag not in self._indices:
                self._indices[lag] = self._history_rows(history.indices(rows, lag // timedelta(microseconds=1)))
            return self._logged.past(feature).take(self._indices[lag])

        return older

    def _history_rows(self, indices: Integers) -> pa.Array:
        history = self._logged.history
        found = np.full(len(indices), -1) if history is None else history.rows_at(indices)
        return pa.array(found, mask=found < 0)
