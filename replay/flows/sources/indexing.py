"""Other tables brought to this machine's disk, so that tasks which read the traffic find their rows themselves."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from replay.config import EngineConfig
from replay.files.process_directory import own_directory
from replay.flows.stages.scenario_inputs import ScenarioInputs
from replay.traffic import JoinedTable, PinnedSource, PinnedTraffic, SourceMatches
from replay.traffic.paths import require_column
from replay.traffic.sources.indexed.beside import PartnerColumns, lookups_of, names_taken
from replay.traffic.sources.indexed.build import index_obstacle, index_source
from replay.traffic.sources.indexed.index import SourceIndex
from replay.traffic.sources.indexed.match import match_keys

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SourceIndexes:
    """Other tables by the keys of the traffic: those indexed before, and such as are when they are wanted.

    Args:
        spark: The session.
        traffic: The pinned traffic.
        visit: Removes what is written.
        known: Those made before, by the name of the table.
        wanted: Columns or paths of tables that are wanted of them beside the key, by the name of the table.

    Attributes:
        made: All of them, by the name of the table.
    """

    def __init__(
        self,
        spark: SparkSession,
        traffic: PinnedTraffic,
        visit: contextlib.ExitStack,
        known: Mapping[str, SourceIndex],
        wanted: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._spark = spark
        self._traffic = traffic
        self._visit = visit
        self._wanted = wanted
        self._refused: dict[str, str] = {}
        self.made = {**known}

    def of(self, source: PinnedSource, columns: Sequence[str] = ()) -> SourceIndex | str:
        """The index of a table, or why only Spark joins it.

        Args:
            source: The table.
            columns: Its columns or paths that are wanted too.

        Raises:
            TrafficError: A file of the table cannot be read.
            OSError: It cannot be written.
        """
        name = source.name
        names = [*self._wanted.get(name, ()), *columns]
        roots = [require_column(source.table.schema, each).root for each in names]
        known = self.made.get(name)
        if known is not None and known.holds(roots):
            return known
        if name not in self._refused:
            why = index_obstacle(self._spark, source)
            found = why or index_source(self._spark, self._traffic, source, roots, self._place())
            if isinstance(found, SourceIndex):
                self.made[name] = found
                return found
            self._refused[name] = found
        return self._refused[name]

    def matches(self, source: PinnedSource) -> SourceMatches | None:
        """How the traffic and a table meet, where tasks can tell; else Spark looks.

        Args:
            source: The table.

        Raises:
            TrafficError: A file cannot be read.
            OSError: The index cannot be written.
        """
        index = self.of(source)
        return None if isinstance(index, str) else match_keys(self._spark, self._traffic, source, index)

    def _place(self) -> Path:
        """A directory beside Spark's own temporary files, where these are in this process's; it goes with the visit."""
        given = self._spark.conf.get("spark.local.dir", None) or ""
        directory = own_directory(given.split(",")[0]) / f"sources-{uuid.uuid4().hex}"
        self._visit.callback(shutil.rmtree, directory, ignore_errors=True)
        return directory


def tasks_read(engine: EngineConfig, traffic: PinnedTraffic) -> bool:
    """Whether tasks read the traffic's rows themselves, as far as its own columns go."""
    return engine.reader != "spark" and traffic.direct_problem is None


def columns_taken(tables: Iterable[JoinedTable]) -> dict[str, list[str]]:
    """The columns or paths that are taken of joined tables, by the name of the table."""
    return {table.source.name: [*names_taken(table).values()] for table in tables}


def find_partners(
    engine: EngineConfig, traffic: PinnedTraffic, inputs: ScenarioInputs, indexes: SourceIndexes
) -> tuple[ScenarioInputs, tuple[PartnerColumns, ...]]:
    """Have tasks find rows of other tables, where they read the traffic and can.

    Args:
        engine: Section ``engine``.
        traffic: The pinned traffic.
        inputs: What scenarios need; the keys of joined tables are unique.
        indexes: Of other tables, with what is :func:`wanted <columns_taken>` of them.

    Returns:
        The inputs, with the reason where only Spark joins; and what tasks put beside the rows that they read.

    Raises:
        TrafficError: A file of a table cannot be read.
        OSError: An index cannot be written.
    """
    if not inputs.joined or inputs.obstacle or not tasks_read(engine, traffic):
        return inputs, ()
    found: dict[str, SourceIndex] = {}
    for table in inputs.joined:
        name = table.source.name
        index = indexes.of(table.source)
        if isinstance(index, str):
            return replace(inputs, obstacle=f"`{inputs.place}` takes values of `{name}`, which {index}"), ()
        found[name] = index
    return inputs, lookups_of(traffic.schema, inputs.joined, found)
