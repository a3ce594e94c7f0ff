"""What scenarios need from outside of a batch: conditions and older values that Spark computes, and donors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.variant_names import Scenario
from replay.errors import ConfigError, Problem
from replay.scenarios.hashing import Keys
from replay.scenarios.targets import StepTarget, resolve_targets

MOST_DONORS: Final = 65_536
"""Rows that are kept as donors."""


@dataclass(frozen=True)
class Donors:
    """Rows drawn by hash from the whole table, the same in every task.

    Attributes:
        keys: (m,) uint64, sorted.
        columns: Logged values by feature, (m,) each, in the order of the keys.
    """

    keys: Keys
    columns: dict[str, pa.Array]

    def draw(self, keys: Keys, randoms: Keys) -> npt.NDArray[np.int64]:
        """A donor for each row, never the row itself.

        Args:
            keys: (k,) of the rows.
            randoms: (k,) random bits.

        Returns:
            (k,) places of donors; the row itself is taken only where it is the only donor.
        """
        places = (randoms % np.uint64(len(self.keys))).astype(np.int64)
        same = self.keys[places] == keys
        if same.any():
            following = np.searchsorted(self.keys, keys[same], side="right")
            places[same] = following % len(self.keys)
        return places


@dataclass(frozen=True)
class MatchTarget:
    """A feature that is given the distribution which it has in another table.

    Attributes:
        source: The table.
        by: Columns of the traffic whose values are slices.
        feature: The feature.
    """

    source: str
    by: tuple[str, ...]
    feature: str


class ChangeOfRows(Protocol):
    """What becomes of the values of one feature, see :class:`replay.scenarios.least_change.SlicedChange`."""

    def apply(self, values: pa.Array, randoms: Keys, slices: Keys) -> pa.Array:
        """Change values of the working type, (k,), by random bits and by the slice of each row."""


LeastChanges = Mapping[MatchTarget, ChangeOfRows]
"""What becomes of the values of features, the same in every task."""


@dataclass(frozen=True)
class SideColumn:
    """A column beside the logged ones.

    Attributes:
        name: Names the column; the same condition, or feature and lag, has the same name everywhere.
        kind: ``where``: a bool, null counting as False. ``stale``: the newest value of the entity that is at least
            ``lag`` old, in the feature's logged type. ``joined``: what another table holds for the row's key, in that
            table's type; beside it, under :func:`matched_name`, whether the table has the key.
        where: The condition, in Spark SQL.
        feature: The feature whose other value it is.
        lag: The age that the value has at least.
        source: The other table.
    """

    name: str
    kind: Literal["where", "stale", "joined"]
    where: str | None = None
    feature: str | None = None
    lag: timedelta | None = None
    source: str | None = None


def where_name(condition: str) -> str:
    """Name of a condition's column.

    >>> where_name("surface = 'home'")
    'replay:where:...'
    """
    return f"replay:where:{xxhash.xxh64_hexdigest(condition.encode())}"


def stale_name(feature: str, lag: timedelta) -> str:
    """Name of the column of a feature's older values.

    >>> stale_name("I1", timedelta(hours=3))
    'replay:stale:10800000000:I1'
    """
    return f"replay:stale:{lag // timedelta(microseconds=1)}:{feature}"


def joined_name(feature: str, source: str) -> str:
    """Name of the column of what another table holds of a feature.

    >>> joined_name("I1", "served")
    'replay:joined:served:I1'
    """
    return f"replay:joined:{source}:{feature}"


def matched_name(source: str) -> str:
    """Name of the column that says for which rows another table has a key.

    >>> matched_name("served")
    'replay:matched:served'
    """
    return f"replay:matched:{source}"


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
        lag = step.arguments.older_by
        source = step.arguments.other_table if step.arguments.needs_match else None
        for target in targets:
            if lag is not None:
                name = stale_name(target.feature, lag)
                found.setdefault(name, SideColumn(name, "stale", feature=target.feature, lag=lag))
            if source is not None:
                name = joined_name(target.feature, source)
                found.setdefault(name, SideColumn(name, "joined", feature=target.feature, source=source))
    return tuple(found.values())


def donor_features(
    scenarios: Sequence[Scenario], model: ModelConfig, features: Mapping[str, pa.DataType]
) -> tuple[str, ...]:
    """Features of which other rows' values are needed, each once; as :func:`side_columns`."""
    resolved = [targets for step, targets in _resolved(scenarios, model, features) if step.arguments.needs_donors]
    return tuple(dict.fromkeys(target.feature for targets in resolved for target in targets))


def match_targets(
    scenarios: Sequence[Scenario], model: ModelConfig, features: Mapping[str, pa.DataType]
) -> tuple[MatchTarget, ...]:
    """Features whose distributions are needed, each once by table and slices; as :func:`side_columns`."""
    found: dict[MatchTarget, None] = {}
    for step, targets in _resolved(scenarios, model, features):
        source = step.arguments.other_table
        if source is not None and step.arguments.needs_distribution:
            found |= dict.fromkeys(MatchTarget(source, step.arguments.slices, each.feature) for each in targets)
    return tuple(found)


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
