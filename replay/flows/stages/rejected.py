"""The rows that a run rejected, by the feature that refuses each, with a row to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.features import feature_column
from replay.rehearsal.rejects import shown_value
from replay.report.summary import FeatureRejects
from replay.scoring import REJECTED, REJECTED_FEATURE
from replay.spark.sql import quoted
from replay.traffic import find_rows
from replay.traffic.lookup import as_stored

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from replay.flows.stages.prepare import Prepared
    from replay.flows.stages.scores import ScoresTable

_KEY = "key"


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
    counted = _count(prepared, table.dataframe)
    examples = _examples(prepared, {entry["feature"]: entry[_KEY] for entry in counted})
    found: dict[str, FeatureRejects] = {}
    for entry in counted:
        before = found.get(entry["feature"])
        reasons = {**(before.reasons if before is not None else {}), entry["reason"]: entry["rows"]}
        found[entry["feature"]] = FeatureRejects(
            reasons, examples.get(entry["feature"]), {name: _plain(value) for name, value in entry[_KEY].items()}
        )
    return dict(sorted(found.items(), key=lambda item: -item[1].rows))


def _count(prepared: Prepared, scores: DataFrame) -> list[dict[str, Any]]:
    """Feature, reason, rows, and the smallest key; of a feature's reasons the one with most rows comes last."""
    from pyspark.sql import functions as F

    key = prepared.config.traffic.key
    columns = [F.col(quoted(name)).alias(f"k{place}") for place, name in enumerate(key)]
    rows = scores.where(F.col(REJECTED).isNotNull()).groupBy(
        F.col(REJECTED_FEATURE).alias("feature"), F.col(REJECTED).alias("reason")
    )
    counted = rows.agg(F.count("*").alias("rows"), F.min(F.struct(*columns)).alias(_KEY)).toArrow().to_pylist()
    for entry in counted:
        entry[_KEY] = dict(zip(key, entry[_KEY].values(), strict=True))
    return sorted(counted, key=lambda entry: (entry["rows"], entry["reason"]))


def _examples(prepared: Prepared, keys: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A logged value of each feature, from the row with a key."""
    wanted = list({tuple(key.values()): dict(key) for key in keys.values()}.values())
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
