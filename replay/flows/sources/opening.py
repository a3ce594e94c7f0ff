"""Other tables that a run takes values from: opened, and checked against the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import Perturbation, ReplayConfig, Scenario
from replay.errors import EXIT_REFUSED, ConfigError, Problem
from replay.flows.problems import refuse
from replay.flows.sources.indexing import SourceIndexes
from replay.flows.sources.unreadable import naming_sources
from replay.scenarios import match_targets, side_columns
from replay.spark.errors import spark_errors
from replay.traffic import (
    PinnedSource,
    PinnedTraffic,
    SourceMatches,
    check_source,
    find_column,
    key_problems,
    open_source,
    value_problems,
)
from replay.traffic.sources.indexed.index import SourceIndex
from replay.traffic.sources.matches import check_values

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class MatchedTables:
    """How the traffic and other tables were found to meet, for a replay of the same rows.

    Attributes:
        traffic: As it was pinned.
        sources: Likewise, by name.
        matches: By name.
        indexes: Of those whose rows tasks find, by name.
    """

    traffic: PinnedTraffic
    sources: Mapping[str, PinnedSource]
    matches: Mapping[str, SourceMatches]
    indexes: Mapping[str, SourceIndex] = field(default_factory=dict)

    def of(self, traffic: PinnedTraffic, source: PinnedSource) -> SourceMatches | None:
        """How they meet; None where the rows may be others by now.

        Args:
            traffic: Pinned again.
            source: Likewise.
        """
        same = self._has(source) and _same_rows(self.traffic, traffic)
        return self.matches.get(source.name) if same else None

    def indexes_of(self, sources: Mapping[str, PinnedSource]) -> dict[str, SourceIndex]:
        """The indexes of those tables that still have the rows that they had.

        Args:
            sources: Pinned again, by name.
        """
        return {name: index for name, index in self.indexes.items() if name in sources and self._has(sources[name])}

    def _has(self, source: PinnedSource) -> bool:
        known = self.sources.get(source.name)
        return known is not None and known.config == source.config and _same_rows(known.table, source.table)


def _same_rows(one: PinnedTraffic, other: PinnedTraffic) -> bool:
    """Whether the same rows of the same data are selected; a view may have others whenever it is read."""
    selected = [(each.config.where, each.config.window, each.config.sample) for each in (one, other)]
    return one.format != "view" and selected[0] == selected[1] and one.fingerprint() == other.fingerprint()


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
    for place, step, features in _takers(config, scenarios, types):
        source = sources[step.arguments.other_table or ""]
        wanted = {feature: types[feature] for feature in features}
        yield from value_problems(wanted, source, f"{place}.source")
        for name in step.arguments.slices:
            theirs = source.config.name_of(name)
            if find_column(traffic.schema, name) is None:
                yield Problem(f"the traffic has no column `{name}`", f"{place}.by", exit_code=EXIT_REFUSED)
            elif find_column(source.table.schema, theirs) is None:
                message = f"source `{source.name}` has no column `{theirs}`"
                yield Problem(message, f"{place}.by", exit_code=EXIT_REFUSED)


def _takers(
    config: ReplayConfig, scenarios: Sequence[Scenario], types: Mapping[str, pa.DataType]
) -> Iterator[tuple[str, Perturbation, tuple[str, ...]]]:
    """Every step that takes from another table: its place, itself, and the features."""
    seen: set[tuple[str, int]] = set()
    for scenario in scenarios:
        for number, step in enumerate(scenario.perturbations):
            if step.arguments.other_table is None or (scenario.salt, number) in seen:
                continue
            seen.add((scenario.salt, number))
            alone = [Scenario(scenario.name, scenario.salt, (step,))]
            joined = (
                one.feature for one in side_columns(alone, config.encoded_model, types) if one.feature is not None
            )
            matched = (target.feature for target in match_targets(alone, config.encoded_model, types))
            yield f"scenarios.{scenario.salt}[{number}]", step, (*joined, *matched)


def check_sources(
    spark: SparkSession,
    config: ReplayConfig,
    scenarios: Sequence[Scenario],
    traffic: PinnedTraffic,
    sources: Mapping[str, PinnedSource],
    types: Mapping[str, pa.DataType],
    known: MatchedTables | None = None,
    indexes: SourceIndexes | None = None,
) -> dict[str, SourceMatches]:
    """Read the keys of the tables that are joined, and the values that may not fit.

    Args:
        spark: The session.
        config: The config.
        scenarios: Expanded.
        traffic: The pinned traffic.
        sources: As :func:`source_problems` finds nothing wrong with them.
        types: Logged type of every feature that the model reads.
        known: What is known of tables that are not read again, but for such values.
        indexes: Of other tables, where tasks read both; default: Spark reads the keys.

    Returns:
        By name, for those that have a key, but for such of which scenarios take distributions alone.

    Raises:
        ConfigError: With the problems of all of them.
    """
    wanted: dict[str, dict[str, pa.DataType]] = {name: {} for name in sources}
    takers = [*_takers(config, scenarios, types)]
    for _, step, features in takers:
        wanted[step.arguments.other_table or ""] |= {feature: types[feature] for feature in features}
    joined = {step.arguments.other_table for _, step, _ in takers if step.arguments.needs_match}
    only_matched = {step.arguments.other_table for _, step, _ in takers} - joined
    found: dict[str, SourceMatches] = {}
    problems: list[Problem] = []
    for name, taken in wanted.items():
        try:
            matches = None if known is None else known.of(traffic, sources[name])
            joins = sources[name].config.joined and name not in only_matched
            if matches is None and joins and indexes is not None:
                with naming_sources(sources), spark_errors("reading other tables"):
                    matches = indexes.matches(sources[name])
            if matches is not None or not joins:
                check_values(spark, sources[name], taken)
            else:
                matches = check_source(spark, traffic, sources[name], taken)
            if matches is not None and name not in only_matched:
                found[name] = matches
        except ConfigError as error:
            problems += error.problems
    refuse(problems)
    return found


def match_warnings(matches: Mapping[str, SourceMatches]) -> Iterator[str]:
    """What to say of tables that have rows for few of the traffic's."""
    yield from (said for name, one in matches.items() if (said := one.warning(name)) is not None)
