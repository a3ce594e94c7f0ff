"""Other tables that a run takes values from: opened, and checked against the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import ReplayConfig, Scenario
from replay.errors import ConfigError, Problem
from replay.flows.problems import refuse
from replay.scenarios import side_columns
from replay.traffic import (
    PinnedSource,
    PinnedTraffic,
    SourceMatches,
    check_source,
    key_problems,
    open_source,
    value_problems,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def sources_used(scenarios: Iterable[Scenario]) -> tuple[str, ...]:
    """Names of the other tables that scenarios take values from, each once."""
    named = (step.arguments.other_table for scenario in scenarios for step in scenario.perturbations)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def open_sources(spark: SparkSession, config: ReplayConfig, names: Iterable[str]) -> dict[str, PinnedSource]:
    """Find and pin other tables.

    Args:
        spark: A session with Delta.
        config: The config.
        names: Under its ``sources``.

    Raises:
        ConfigError: With the problems of all of them.
    """
    opened: dict[str, PinnedSource] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            opened[name] = open_source(spark, name, config.sources[name], config.traffic)
        except ConfigError as error:
            problems += error.problems
    refuse(problems)
    return opened


def source_problems(
    config: ReplayConfig,
    scenarios: Sequence[Scenario],
    traffic: PinnedTraffic,
    sources: Mapping[str, PinnedSource],
    types: Mapping[str, pa.DataType],
) -> Iterator[Problem]:
    """Find what keeps tables from being joined, and scenarios from getting their values.

    Args:
        config: The config.
        scenarios: Expanded; nothing else is wrong with them.
        traffic: The pinned traffic.
        sources: The tables that scenarios name, and perhaps others.
        types: Logged type of every feature that the model reads.
    """
    for opened in sources.values():
        yield from key_problems(traffic.schema, opened)
    for salt, number, source, features in _joins(config, scenarios, types):
        wanted = {feature: types[feature] for feature in features}
        yield from value_problems(wanted, sources[source], f"scenarios.{salt}[{number}].source")


def _joins(
    config: ReplayConfig, scenarios: Sequence[Scenario], types: Mapping[str, pa.DataType]
) -> Iterator[tuple[str, int, str, tuple[str, ...]]]:
    """Every step that takes values row by row: its scenario and number, the table, and the features."""
    seen: set[tuple[str, int]] = set()
    for scenario in scenarios:
        for number, step in enumerate(scenario.perturbations):
            source = step.arguments.other_table
            if source is None or not step.arguments.needs_match or (scenario.salt, number) in seen:
                continue
            seen.add((scenario.salt, number))
            alone = Scenario(scenario.name, scenario.salt, (step,))
            columns = side_columns([alone], config.model, types)
            yield scenario.salt, number, source, tuple(one.feature for one in columns if one.feature is not None)


def check_sources(
    spark: SparkSession,
    config: ReplayConfig,
    scenarios: Sequence[Scenario],
    traffic: PinnedTraffic,
    sources: Mapping[str, PinnedSource],
    types: Mapping[str, pa.DataType],
) -> dict[str, SourceMatches]:
    """Read the keys of the tables that are joined, and the values that may not fit.

    Args:
        spark: The session.
        config: The config.
        scenarios: Expanded.
        traffic: The pinned traffic.
        sources: As :func:`source_problems` finds nothing wrong with them.
        types: Logged type of every feature that the model reads.

    Returns:
        By name, for those that have a key.

    Raises:
        ConfigError: With the problems of all of them.
    """
    wanted: dict[str, dict[str, pa.DataType]] = {name: {} for name, source in sources.items() if source.config.joined}
    for _, _, source, features in _joins(config, scenarios, types):
        wanted[source] |= {feature: types[feature] for feature in features}
    found: dict[str, SourceMatches] = {}
    problems: list[Problem] = []
    for name, taken in wanted.items():
        try:
            found[name] = check_source(spark, traffic, sources[name], taken)
        except ConfigError as error:
            problems += error.problems
    refuse(problems)
    return found


def match_warnings(matches: Mapping[str, SourceMatches]) -> Iterator[str]:
    """What to say of tables that have rows for few of the traffic's."""
    yield from (said for name, one in matches.items() if (said := one.warning(name)) is not None)
