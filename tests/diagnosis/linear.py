"""A model whose every score can be written down by hand, and a world of a few rows around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from replay.checkpoints import FunctionScorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.flows.incidents.verify_config import cause_settings

Forward = Callable[[Mapping[str, torch.Tensor]], object]

INPUTS = (Input(name="x", dtype="float64", features=("a", "b", "c"), missing=0.0),)
WINDOW = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:01:00Z"}


def linear(*weights: float) -> Forward:
    """A checkpoint that answers a weighted sum of the features over 1,000."""
    return lambda tensors: tensors["x"] @ torch.tensor(weights, dtype=torch.float64) / 1000


def score(columns: Mapping[str, Any], weights: Sequence[float] = (1, 2, 4)) -> np.ndarray:
    """What a linear checkpoint answers, in numpy."""
    return sum(weight * np.asarray(column) for weight, column in zip(weights, columns.values(), strict=True)) / 1000


def small_columns(num_rows: int = 40) -> dict[str, np.ndarray]:
    """Positive numbers, no two features alike."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(1.0, 60.0, num_rows) for name in "abc"}


def counterfactual(
    columns: Mapping[str, Any],
    online: np.ndarray,
    mismatched: np.ndarray | None = None,
    *,
    inputs: Sequence[Input] = INPUTS,
    families: Mapping[str, Sequence[str]] | None = None,
    others: Mapping[str, Forward] | None = None,
    tolerance: float = 1e-9,
    mismatch_rate: float | None = None,
    **given: Any,
) -> CounterfactualReplay:
    """``(a + 2 b + 4 c) / 1000`` as the baseline; every row disagrees unless it is said which do."""
    batch = pa.RecordBatch.from_pydict({name: pa.array(column) for name, column in columns.items()})
    mismatched = np.ones(len(online), bool) if mismatched is None else mismatched
    checkpoints = {"prod": linear(1, 2, 4), **(others or {})}
    return CounterfactualReplay(
        ModelConfig(inputs=tuple(inputs), families=dict(families or {})),
        Evidence(batch, np.asarray(online), mismatched, mismatch_rate=mismatch_rate),
        {name: FunctionScorer(forward, fingerprint=name) for name, forward in checkpoints.items()},
        "prod",
        Tolerance(abs=tolerance, rel=0.0),
        1_000_000,
        **given,
    )


def settings(hypothesis: Hypothesis) -> dict[str, Any] | None:
    """What the config that replays a hypothesis holds of it, under the name `verify`."""
    found = cause_settings("verify", hypothesis, [{"window": WINDOW}])
    return None if found is None else {key: value for key, value in asdict(found).items() if value != {}}


def step_of(hypothesis: Hypothesis) -> dict[str, Any]:
    """The one step of the scenario that verifies a hypothesis, without its window."""
    found = settings(hypothesis)
    assert found is not None
    assert (found["variant"], found["checkpoint"]) == ("prod/verify", "prod")
    assert "checkpoints" not in found
    (step,) = found["scenarios"]["verify"]
    assert step.pop("window") == WINDOW
    return step
