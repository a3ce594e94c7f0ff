"""Rows of another table beside those of the traffic, counted by tasks that look each key up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from replay.traffic.read.direct import ReadPlan, Split, read_split
from replay.traffic.read.plan import plan_splits
from replay.traffic.read.tasks import ask_splits
from replay.traffic.sources.indexed.index import SourceIndex, opened
from replay.traffic.sources.indexed.keys import KeyColumns, keys_of_both
from replay.traffic.sources.matches import SourceMatches

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.sources.pinned_source import PinnedSource
    from replay.traffic.table.pinned import PinnedTraffic

_MOST_ROWS: Final = 1 << 26
"""Of another table, of which the driver notes which rows were met."""


def match_keys(
    spark: SparkSession, traffic: PinnedTraffic, source: PinnedSource, index: SourceIndex
) -> SourceMatches | None:
    """How the selected traffic and another table meet, where all is well; else Spark looks, and finds examples.

    Args:
        spark: The session.
        traffic: The pinned traffic, which tasks can read.
        source: The other table.
        index: Of it: no two of its rows have one key.

    Returns:
        The counts; None where a key of the other table is null, few rows meet, or it has more rows than are noted.

    Raises:
        TrafficError: A file cannot be read.
    """
    if index.keyed < index.rows or index.rows > _MOST_ROWS:
        return None
    key, _ = keys_of_both(traffic.schema, source)
    plan = plan_splits(spark, traffic, key.roots)
    met = np.zeros(index.rows, dtype=bool)
    rows = matched = 0
    for count, hits, numbers in ask_splits(
        spark, plan.splits, (plan, key, index), lambda split, given: _met(split, *given)
    ):
        rows, matched = rows + count, matched + hits
        met[numbers] = True
    found = SourceMatches(rows, index.rows, matched, int(index.rows - met.sum()))
    return found if matched and found.warning(source.name) is None else None


def _met(split: Split, plan: ReadPlan, key: KeyColumns, index: SourceIndex) -> tuple[int, int, npt.NDArray[np.uint32]]:
    """Rows of a split, those of them that have a partner, and the numbers of the partners, each once."""
    rows = matched = 0
    numbers = [np.empty(0, np.uint32)]
    for batch in read_split(split, plan):
        places, _ = opened(index).partners(key.arrays(batch), ())
        met = places[places >= 0]
        rows, matched = rows + batch.num_rows, matched + len(met)
        numbers.append(np.unique(index.numbers(met)).astype(np.uint32))
    return rows, matched, np.unique(np.concatenate(numbers))
