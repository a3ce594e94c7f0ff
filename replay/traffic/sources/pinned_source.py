"""Another table, found and pinned as the logged one is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from replay.config import SourceConfig, TrafficConfig
from replay.errors import EXIT_REFUSED, ConfigError, Problem, TrafficError
from replay.traffic.paths import ColumnPath, find_column
from replay.traffic.table.columns import column_problems
from replay.traffic.table.open import find_table, resolve_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

_TRAFFIC_KEY = re.compile(r"`traffic\.")


@dataclass(frozen=True)
class PinnedSource:
    """Another table as it was when the run started.

    Attributes:
        name: Under ``sources``.
        config: Its entry there.
        table: The table; its own config says what the entry says, in the words of ``traffic``.
    """

    name: str
    config: SourceConfig
    table: PinnedTraffic

    def fingerprint(self) -> str:
        """Stand for the pinned rows, and for how they are selected and named."""
        return self.table.fingerprint()

    def describe(self) -> dict[str, Any]:
        """What the manifest says of the table."""
        return self.table.describe()

    def column_of(self, feature: str) -> ColumnPath | None:
        """What the table holds of one of our features, or None."""
        return find_column(self.table.schema, self.config.name_of(feature))


def open_source(spark: SparkSession, name: str, source: SourceConfig, traffic: TrafficConfig) -> PinnedSource:
    """Find another table, pin it, and check the columns that its entry names.

    Args:
        spark: A session with Delta.
        name: Under ``sources``.
        source: Its entry there.
        traffic: Section ``traffic`` as the config has it, whose time and label are the other table's too where it has
            such columns and names none.

    Raises:
        ConfigError: There is no such table, it cannot be read, or it lacks a column; every problem with its place
            under ``sources``.
    """
    with as_source(name):
        found = find_table(spark, _as_traffic(source))
        config = found.config.model_copy(update=_defaults(found, source, traffic))
        if config.window is not None and config.time is None:
            message = (
                f"not given, and the window needs it: the table has no column `{_column(traffic)}`, as the traffic"
            )
            raise ConfigError([Problem(message, "traffic.time", exit_code=EXIT_REFUSED)])
        table = resolve_table(spark, replace(found, config=config))
        problems = column_problems(table.schema, table.config)
        problems += _known_at_problem(table, source)
        if problems:
            raise ConfigError(problems)
    return PinnedSource(name, source, table)


@contextlib.contextmanager
def as_source(name: str) -> Iterator[None]:
    """Let what is raised of a table opened as traffic be about a source.

    Raises:
        ConfigError: With places under ``sources``, where a problem of ``traffic`` or a TrafficError was raised.
    """
    try:
        yield
    except ConfigError as error:
        problems = [
            replace(
                each,
                path=re.sub(r"^traffic\b", f"sources.{name}", each.path) or f"sources.{name}",
                message=_about(each.message, name),
            )
            for each in error.problems
        ]
        raise ConfigError(problems, error.source) from error
    except TrafficError as error:
        message = _about(str(error), name)
        raise ConfigError([Problem(message, f"sources.{name}", exit_code=EXIT_REFUSED)]) from error


def _about(message: str, name: str) -> str:
    said = _TRAFFIC_KEY.sub(f"`sources.{name}.", message)
    return said.replace("the traffic has no column", "the table has no column")


def _as_traffic(source: SourceConfig) -> TrafficConfig:
    """An entry in the words of ``traffic``; it has no score."""
    same = ("path", "table", "delta_version", "delta_timestamp", "time", "label", "where", "window")
    given = {key: getattr(source, key) for key in same}
    return TrafficConfig.model_construct(**given, key=tuple(source.key.values()), score="")


def _defaults(found: PinnedTraffic, source: SourceConfig, traffic: TrafficConfig) -> dict[str, Any]:
    """The traffic's time and label, where the table has such columns and the entry names none."""
    given: dict[str, Any] = {}
    if source.time is None and traffic.time is not None and find_column(found.schema, traffic.time.column) is not None:
        given["time"] = traffic.time
    if source.label is None and traffic.label is not None and find_column(found.schema, traffic.label) is not None:
        given["label"] = traffic.label
    return given


def _column(traffic: TrafficConfig) -> str:
    return "" if traffic.time is None else traffic.time.column


def _known_at_problem(table: PinnedTraffic, source: SourceConfig) -> list[Problem]:
    name = source.known_at
    if name is None or find_column(table.schema, name) is not None:
        return []
    return [Problem(f"the table has no column `{name}`", "traffic.known_at", exit_code=EXIT_REFUSED)]
