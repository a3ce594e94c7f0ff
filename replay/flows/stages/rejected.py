"""The rows that a run rejected, by the feature that refuses each, with a row to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import TrafficError
from replay.features import REJECT_REASONS, feature_column
from replay.features.rejects import MODEL_FAILED
from replay.rehearsal.rejects import shown_value
from replay.report.summary import FeatureRejects, UnreadFile
from replay.scoring import REJECTED, REJECTED_FEATURE
from replay.spark.tasks.arrow_mapping import Batches
from replay.traffic import PinnedTraffic, find_rows
from replay.traffic.lookup import as_stored

if TYPE_CHECKING:
    from replay.flows.stages.prepare import Prepared
    from replay.flows.stages.scores import ScoresTable

THE_MODEL = "the model"
"""Stands in the place of a feature where no feature alone is why a row is rejected."""
_KEY = "key"
_COUNTED = ("feature", "reason", "rows")


def rejects_by_feature(
    prepared: Prepared, table: ScoresTable, rejected: Mapping[str, int]
) -> dict[str, FeatureRejects]:
    """Count the rejected rows by feature, those with most rows first; nothing runs where no row is rejected.

    Args:
        prepared: The run.
        table: Its scores.
        rejected: Rejected rows by reason.
    """
    if not sum(rejected.values()) or REJECTED_FEATURE not in table.schema.names:
        return {}
    counted = _count(table.batches, prepared.config.traffic.key)
    examples = _examples(prepared, {entry["feature"]: entry[_KEY] for entry in counted if entry["feature"]})
    found: dict[str, FeatureRejects] = {}
    for entry in counted:
        name = entry["feature"] or THE_MODEL
        before = found.get(name)
        reasons = {**(before.reasons if before is not None else {}), entry["reason"]: entry["rows"]}
        found[name] = FeatureRejects(
            reasons, examples.get(entry["feature"]), {name: _plain(value) for name, value in entry[_KEY].items()}
        )
    return dict(sorted(found.items(), key=lambda item: -item[1].rows))


def _count(scores: Batches, key: Sequence[str]) -> list[dict[str, Any]]:
    """Feature, reason, rows, and the smallest key; of a feature's reasons the one with most rows comes last."""
    found = scores.gather((REJECTED_FEATURE, REJECTED, *key), lambda batches: _counts_of(map(_numbered, batches)))
    counted = list(_counts_of(found))
    if not counted:
        return []
    entries = [
        {"feature": feature, "reason": reason, "rows": rows, _KEY: dict(zip(key, values, strict=True))}
        for feature, reason, rows, *values in zip(*(column.to_pylist() for column in counted[0].columns), strict=True)
    ]
    return sorted(entries, key=lambda entry: (entry["rows"], entry["reason"]))


def _numbered(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rejected rows of a batch, each counting once."""
    kept = batch.filter(batch.column(REJECTED).is_valid())
    feature, reason, *key = kept.columns
    ones = pa.array(np.ones(kept.num_rows, np.int64))
    return pa.RecordBatch.from_arrays([feature, reason, ones, *key], [*_COUNTED, *map(_nth, range(len(key)))])


def _counts_of(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows added up by feature and reason, each with the smallest key; one batch, or none where there is no row."""
    parts = [batch for batch in batches if batch.num_rows]
    if not parts:
        return
    table = pa.Table.from_batches(parts)
    groups = table.select(_COUNTED).group_by(_COUNTED[:2]).aggregate([("rows", "sum")]).select([0, 1, 2])
    smallest = [_smallest(table, feature, reason) for feature, reason, _ in zip(*groups.to_pydict().values())]  # noqa: B905 - of one table
    keys = pa.concat_tables(smallest)
    columns = [*groups.columns, *keys.columns]
    yield pa.table(columns, names=table.schema.names).combine_chunks().to_batches()[0]


def _smallest(table: pa.Table, feature: str | None, reason: str) -> pa.Table:
    """The key of the first row, in order of keys, among those of a feature and a reason."""
    of = pc.equal(table["feature"], feature) if feature is not None else pc.is_null(table["feature"])
    keys = table.filter(pc.and_(of, pc.equal(table["reason"], reason))).drop_columns(list(_COUNTED))
    first = pc.select_k_unstable(keys, 1, sort_keys=[(name, "ascending") for name in keys.schema.names])
    return keys.take(first)


def _nth(place: int) -> str:
    return f"{_KEY} {place}"


def _examples(prepared: Prepared, keys: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A logged value of each feature, from the row with a key."""
    wanted = list({tuple(key.values()): dict(key) for key in keys.values()}.values())
    if not keys:
        return {}
    table = find_rows(prepared.spark, prepared.traffic, wanted, prepared.plan.columns)
    batches = pa.Table.combine_chunks(table).to_batches()
    if not batches:
        return {}
    columns = [as_stored(feature_column(batches[0], name)).to_pylist() for name in prepared.config.traffic.key]
    places = {identity: place for place, identity in enumerate(zip(*columns, strict=True))}
    return {
        feature: shown_value(feature_column(batches[0], feature)[places[identity]].as_py())
        for feature, key in keys.items()
        if (identity := tuple(key.values())) in places
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def unread_files(traffic: PinnedTraffic) -> tuple[UnreadFile, ...]:
    """The files that are left out, as a summary has them."""
    return tuple(UnreadFile(each.file.path, each.reason, each.rows, each.counted) for each in traffic.unreadable)


def refuse_bad_rows(rejected: Mapping[str, int], most: int, in_files: int = 0) -> None:
    """Refuse a run whose models raise for more rows than may be left out.

    Each task has left out as many as it may; only together are they too many.

    Args:
        rejected: Rows by reason.
        most: Rows that may be left out.
        in_files: Rows that files count for that could not be read: they may be left out, but are no fewer.

    Raises:
        TrafficError: There are more.
    """
    found = rejected.get(REJECT_REASONS[MODEL_FAILED], 0)
    if found and found + in_files > most:
        files = f" and files that cannot be read count for {in_files:,}," if in_files else ""
        listed = f"`rejected = '{REJECT_REASONS[MODEL_FAILED]}'`"
        raise TrafficError(
            f"a model raises for {found:,} rows,{files} and `engine.max_bad_rows` allows {most:,}: mend these rows, "
            f"which the table of scores has with {listed}, or give a larger --max-bad-rows"
        )
