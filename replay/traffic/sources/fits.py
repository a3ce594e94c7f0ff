"""Whether another table can be joined to the traffic, and its values taken, as far as schemas say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.errors import EXIT_REFUSED, Problem
from replay.traffic.paths import ColumnPath, column_names, find_column
from replay.traffic.sources.pinned_source import PinnedSource
from replay.traffic.sources.types import key_type, value_problem

_MOST_SHOWN = 5


def key_problems(schema: pa.Schema, source: PinnedSource) -> Iterator[Problem]:
    """Find what keeps a source from being joined.

    Args:
        schema: Of the traffic.
        source: Its own columns are there.
    """
    for ours, theirs in source.config.key.items():
        place = f"sources.{source.name}.key"
        mine, other = find_column(schema, ours), find_column(source.table.schema, theirs)
        if mine is None:
            near = suggestion(nearest(ours, column_names(schema)))
            yield Problem(f"the traffic has no column `{ours}`{near}", place, exit_code=EXIT_REFUSED)
        elif other is not None and key_type(mine.type, other.type) is None:
            message = (
                f"`{ours}` is {mine.type} in the traffic, and `{theirs}` is {other.type} in {source.table.location}: "
                "their values cannot be compared; write both with one type"
            )
            yield Problem(message, place, exit_code=EXIT_REFUSED)


def value_problems(types: Mapping[str, pa.DataType], source: PinnedSource, place: str) -> Iterator[Problem]:
    """Find features that a source has no values of, or none that can stand for those of the traffic.

    Args:
        types: Canonical types of the features, by name.
        source: The table.
        place: Where in the config its values are asked for.
    """
    found = {feature: source.column_of(feature) for feature in types}
    absent = [feature for feature, path in found.items() if path is None]
    if absent:
        yield Problem(_absent(absent, source), place, exit_code=EXIT_REFUSED)
    for feature, path in found.items():
        why = None if path is None else value_problem(types[feature], path.type)
        if why is not None:
            message = f"source `{source.name}` cannot give `{feature}` its `{_name(path)}`: {why}"
            yield Problem(message, place, exit_code=EXIT_REFUSED)


def _name(path: ColumnPath | None) -> str:
    return "" if path is None else path.name


def _absent(features: list[str], source: PinnedSource) -> str:
    names = [source.config.name_of(feature) for feature in features]
    called = "" if names == features else f" (as {listing(f'`{name}`' for name in names[:_MOST_SHOWN])})"
    shown = listing(f"`{feature}`" for feature in features[:_MOST_SHOWN])
    more = f" and {len(features) - _MOST_SHOWN} more" if len(features) > _MOST_SHOWN else ""
    near = suggestion(nearest(names[0], column_names(source.table.schema))) if len(names) == 1 else ""
    return (
        f"source `{source.name}` has no column for {shown}{more}{called}{near}: say under `sources.{source.name}."
        "columns` what it calls them, or leave them out"
    )
