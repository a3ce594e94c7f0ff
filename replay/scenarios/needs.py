"""What scenarios need beside the logged batch: side columns from Spark, donors from the whole table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config.sections.model import ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.errors import ConfigError, Problem
from replay.scenarios.side import SideColumn, stale_name, where_name
from replay.scenarios.targets import StepTarget, resolve_targets

if TYPE_CHECKING:
    from replay.config.sections.variant_names import Scenario


def side_columns(
    scenarios: Sequence[Scenario], model: ModelConfig, features: Mapping[str, pa.DataType]
) -> tuple[SideColumn, ...]:
    """The columns that Spark computes for all scenarios together, each once, in order of first use.

    Args:
        scenarios: Their steps have one rate and one lag each.
        model: The model's contract.
        features: Logged type of every feature that the model reads.

    Raises:
        ConfigError: When steps name what the model does not read.
    """
    found: dict[str, SideColumn] = {}
    for step, targets in _resolved(scenarios, model, features):
        if step.where is not None:
            name = where_name(step.where)
            found.setdefault(name, SideColumn(name, "where", where=step.where))
        lag = step.only_lag if step.op == "stale" else None
        if lag is None:
            continue
        for target in targets:
            name = stale_name(target.feature, lag)
            found.setdefault(name, SideColumn(name, "stale", feature=target.feature, lag=lag))
    return tuple(found.values())


def donor_features(
    scenarios: Sequence[Scenario], model: ModelConfig, features: Mapping[str, pa.DataType]
) -> tuple[str, ...]:
    """Features that ``shuffle`` needs other rows' values of, each once; as :func:`side_columns`."""
    resolved = [targets for step, targets in _resolved(scenarios, model, features) if step.op == "shuffle"]
    return tuple(dict.fromkeys(target.feature for targets in resolved for target in targets))


def _resolved(
    scenarios: Sequence[Scenario], model: ModelConfig, features: Mapping[str, pa.DataType]
) -> Iterator[tuple[Perturbation, tuple[StepTarget, ...]]]:
    """Every step of every scenario, and what it changes."""
    problems: list[Problem] = []
    resolved = [
        (step, resolve_targets(step, f"scenarios.{scenario.salt}[{number}]", model, tuple(features), problems))
        for scenario in scenarios
        for number, step in enumerate(scenario.perturbations)
    ]
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problems)))
    yield from resolved
