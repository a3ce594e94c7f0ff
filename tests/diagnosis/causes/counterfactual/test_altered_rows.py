"""Rows as hypotheses make them: tensors written down by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.diagnosis.causes.counterfactual.altered_rows import AlteredRows, Job
from replay.diagnosis.causes.counterfactual.logged_features import LoggedFeatures
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.errors import TrafficError

MODEL = ModelConfig.model_validate(
    {"inputs": [{"name": "x", "dtype": "float32", "features": ["a", "b"], "missing": -1}]}
)
BATCH = pa.RecordBatch.from_pydict({"a": pa.array([1.0, 2.0, None]), "b": pa.array([10.0, 20.0, 30.0])})
MINUTE = 60_000_000
HISTORY = pa.table(
    {
        "entity": pa.array([1, 1, 1]),
        "time_us": pa.array([0, MINUTE, 2 * MINUTE]),
        "a": pa.array([5.0, 6.0, 7.0]),
        "b": pa.array([50.0, 60.0, 70.0]),
    }
)


@pytest.fixture
def rows() -> AlteredRows:
    entity, times = pa.array([1, 1, 1]), np.array([0, MINUTE, 3 * MINUTE])
    evidence = Evidence(BATCH, np.zeros(3), np.ones(3, bool), entity=entity, time_us=times, history=HISTORY)
    return AlteredRows(LoggedFeatures(MODEL, evidence))


def hypothesis(*steps: dict[str, Any]) -> Hypothesis:
    found = tuple(Perturbation.model_validate(step) for step in steps)
    features = tuple(dict.fromkeys(name for step in found for name in step.features))
    return Hypothesis("made up", "prod", features, perturbations=found)


def given(job: Job | None) -> list[list[float]]:
    assert job is not None
    found: list[list[float]] = job.tensors["x"].tolist()
    return found


def test_all_rows_as_they_were_logged(rows: AlteredRows) -> None:
    job = rows.every_row(hypothesis())
    assert given(job) == [[1.0, 10.0], [2.0, 20.0], [-1.0, 30.0]]
    assert (job.rows.tolist(), job.accepted.tolist()) == ([0, 1, 2], [True] * 3)


def test_steps_come_one_after_the_other(rows: AlteredRows) -> None:
    steps = {"op": "scale", "features": ["b"], "factor": 2.0}, {"op": "swap", "features": ["a"], "with": ["b"]}
    job = rows.make(hypothesis(*steps), np.array([2, 0]))
    assert given(job) == [[60.0, -1.0], [20.0, 1.0]]


def test_the_values_that_are_kept_are_those_of_the_rows_that_are_asked_for(rows: AlteredRows) -> None:
    doubled = hypothesis({"op": "scale", "features": ["a"], "factor": 2.0})
    assert given(rows.make(doubled, np.array([0, 1]))) == [[2.0, 10.0], [4.0, 20.0]]
    assert given(rows.make(doubled, np.array([1, 0]))) == [[4.0, 20.0], [2.0, 10.0]]
    assert given(rows.make(hypothesis(), np.array([1]))) == [[2.0, 20.0]]


def test_older_values_are_the_newest_that_are_so_old(rows: AlteredRows) -> None:
    stale = hypothesis({"op": "stale", "features": ["a"], "lag": timedelta(minutes=1)})
    assert given(rows.make(stale, np.arange(3))) == [[-1.0, 10.0], [5.0, 20.0], [7.0, 30.0]]


def test_older_values_of_chosen_rows_of_the_history(rows: AlteredRows) -> None:
    stale = hypothesis({"op": "stale", "features": ["a"], "lag": timedelta(minutes=1)})
    job = rows.make_of_past(stale, np.array([0, 0, 2]), np.array([2, 0, -1]))
    assert given(job) == [[7.0, 10.0], [5.0, 10.0], [-1.0, 30.0]]


def test_what_does_not_fit_makes_no_rows(rows: AlteredRows) -> None:
    assert rows.make(hypothesis({"op": "constant", "features": ["a"], "value": "home"}), np.arange(3)) is None


def test_older_values_need_a_history() -> None:
    bare = AlteredRows(LoggedFeatures(MODEL, Evidence(BATCH, np.zeros(3), np.ones(3, bool))))
    stale = hypothesis({"op": "stale", "features": ["a"], "lag": timedelta(minutes=1)})
    assert bare.make(stale, np.arange(3)) is None
    with pytest.raises(TrafficError, match="found no history"):
        bare._older_values(np.arange(3))("a", timedelta(minutes=1))
