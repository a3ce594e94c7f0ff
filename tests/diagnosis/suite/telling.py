"""What an engine may say of a case: causes, steps and incidents, as little of them as the judge reads."""

from __future__ import annotations

from types import SimpleNamespace

from replay.config.sections.scenarios import Perturbation
from replay.diagnosis.causes.cause import Cause as NamedCause
from replay.diagnosis.causes.hypothesis import Hypothesis
from tests.bench.diagnosis.engine import Told


def step(op, *features, **arguments):
    """A step of the scenario that replays a cause."""
    return Perturbation.model_validate({"op": op, "features": features, **arguments})


def said(kind, *features, steps=(), **given):
    """A told cause: features and the steps that replay it."""
    return NamedCause(kind, 1.0, 9, hypothesis=Hypothesis(kind, "v1", features, perturbations=steps, **given))


def null_cause(*touched):
    """Features null."""
    return said("null_features", *touched, steps=(step("nulls", *touched),))


def told(start_us, end_us, *causes, segments=None):
    """An incident and its causes."""
    incident = SimpleNamespace(start_us=start_us, end_us=end_us, segments=segments or {}, times=())
    incident.kind, incident.mismatched, incident.rows, incident.p_value = "mismatch", 1, 1, 0.0
    return Told(incident, SimpleNamespace(causes=causes, rows_scored=0))
