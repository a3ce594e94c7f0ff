"""Distributions of features in the traffic and in another table, and what brings the one to the other."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import ReplayConfig, Scenario
from replay.errors import EXIT_REFUSED, ConfigError, Problem
from replay.scenarios.matching import (
    Summaries,
    SummarizedColumn,
    merge_summaries,
    summarize,
    summarized_columns,
)
from replay.scenarios.outside import LeastChanges, MatchTarget, match_targets
from replay.traffic import PinnedSource, PinnedTraffic, TableBatches, column_root
from replay.traffic.sources.pinned_source import as_source

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def least_changes_of(
    spark: SparkSession,
    config: ReplayConfig,
    scenarios: Sequence[Scenario],
    traffic: PinnedTraffic,
    sources: Mapping[str, PinnedSource],
    types: Mapping[str, pa.DataType],
) -> LeastChanges:
    """Take the distributions that scenarios match, of all selected rows of either table, in one pass over each.

    Args:
        spark: The session.
        config: The config.
        scenarios: Expanded.
        traffic: The pinned traffic.
        sources: The tables that scenarios name; nothing is wrong with their columns.
        types: Logged type of every feature that the model reads.

    Returns:
        What becomes of values; the same however the work is cut. Empty where no scenario asks for it.

    Raises:
        ConfigError: A table has no rows.
    """
    columns = summarized_columns(match_targets(scenarios, config.encoded_model, types), config.encoded_model, types)
    here, there = summaries_of_both(spark, columns, traffic, sources)
    return {target: here[target].change_to(there[target]) for target in columns}


def summaries_of_both(
    spark: SparkSession,
    columns: Mapping[MatchTarget, SummarizedColumn],
    traffic: PinnedTraffic,
    sources: Mapping[str, PinnedSource],
) -> tuple[Summaries, Summaries]:
    """The distributions of columns in the traffic and in the other tables, of all selected rows of each.

    Args:
        spark: The session.
        columns: The traffic's, by what they are for.
        traffic: The pinned traffic.
        sources: The other tables, by name; nothing is wrong with their columns.

    Raises:
        ConfigError: A table has no rows.
    """
    if not columns:
        return {}, {}
    here = _summaries(spark, traffic, columns)
    there: Summaries = {}
    for name in dict.fromkeys(target.source for target in columns):
        source = sources[name]
        asked = {target: _there(source, column) for target, column in columns.items() if target.source == name}
        with as_source(name):
            there |= _summaries(spark, source.table, asked)
        if not all(there[target].slices for target in asked):
            raise no_rows(name)
    return here, there


def no_rows(name: str) -> ConfigError:
    """What is raised of another table that selects no rows."""
    return ConfigError([Problem("selects no rows: no distribution", f"sources.{name}", exit_code=EXIT_REFUSED)])


def _there(source: PinnedSource, column: SummarizedColumn) -> SummarizedColumn:
    """The same column in the other table."""
    names = tuple(source.config.name_of(name) for name in column.by)
    return replace(column, column=source.config.name_of(column.column), by=names)


def _summaries(spark: SparkSession, table: PinnedTraffic, columns: Mapping[MatchTarget, SummarizedColumn]) -> Summaries:
    names = [name for column in columns.values() for name in (column.column, *column.by)]
    roots = list(dict.fromkeys(column_root(table.schema, name) for name in names))

    def update(batches: Iterable[pa.RecordBatch]) -> bytes:
        return pickle.dumps(summarize(batches, columns), protocol=pickle.HIGHEST_PROTOCOL)

    def merge(states: Iterable[bytes]) -> bytes:
        merged = merge_summaries(map(pickle.loads, states), columns)
        return pickle.dumps(merged, protocol=pickle.HIGHEST_PROTOCOL)

    return merge_summaries(map(pickle.loads, TableBatches(spark, table).fold(roots, update, merge)), columns)
