"""``replay row``: one row end to end, from what was logged to every score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from replay.checkpoints import open_scorer
from replay.config import ReplayConfig
from replay.errors import TrafficError, UsageError
from replay.features import REJECT_REASONS, Encoder, feature_column
from replay.flows.prepare import Options, prepare
from replay.report.plain import plain
from replay.scoring.failures import spark_errors
from replay.traffic import find_rows


@dataclass(frozen=True)
class ExplainedRow:
    """One row, end to end.

    Attributes:
        key: Its key.
        logged: The columns that roles name (time, score, label, segments, ...), as logged.
        features: Logged features by name; None is a null.
        rejected: Why it cannot be scored, or None.
        tensors: What the model is given, by input.
        online: The online score.
        replayed: Score by variant; empty for a rejected row.
    """

    key: dict[str, Any]
    logged: dict[str, Any]
    features: dict[str, Any]
    rejected: str | None
    tensors: dict[str, Any]
    online: float | None
    replayed: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        data: dict[str, Any] = plain(self)
        return data

    def render(self) -> str:
        """Render for a terminal."""
        lines = ["key"]
        lines += [f"  {name} = {value}" for name, value in self.key.items()]
        lines += ["logged", *(f"  {name} = {_shown(value)}" for name, value in self.logged.items())]
        lines += ["features", *(f"  {name} = {_shown(value)}" for name, value in self.features.items())]
        if self.rejected is not None:
            return "\n".join([*lines, f"rejected: {self.rejected}"])
        lines += ["tensors", *(f"  {name} = {_shown(value)}" for name, value in self.tensors.items())]
        lines += ["scores", f"  online = {self.online}"]
        for name, score in self.replayed.items():
            delta = "" if self.online is None else f"  (replayed - online = {score - self.online:+.3g})"
            lines.append(f"  {name} = {score:.9g}{delta}")
        return "\n".join(lines)


def explain_row(config: ReplayConfig, key: Mapping[str, str], *, options: Options | None = None) -> ExplainedRow:
    """Follow one row through the replay, on the driver.

    Args:
        config: The replay.
        key: A value for each key column; text is read as the column's type.
        options: Spark and safety options.

    Raises:
        UsageError: The key's columns are not those of the config.
        TrafficError: No selected row has this key.
    """
    wanted = config.traffic.key
    if set(key) != set(wanted):
        raise UsageError(f"found --key for {', '.join(key)}, expected one for each of {', '.join(wanted)}")
    prepared = prepare(config, options or Options())
    with spark_errors("finding the row"):
        found = find_rows(prepared.spark, prepared.traffic, [dict(key)], prepared.plan.columns)
    if found.num_rows == 0:
        shown = ", ".join(f"{name}={value}" for name, value in key.items())
        raise TrafficError(f"no row with {shown} among those that the config selects from {prepared.traffic.location}")
    batch = pa.RecordBatch.from_arrays([column.combine_chunks() for column in found.columns], schema=found.schema)
    encoded = Encoder(config.model, batch.schema).encode(batch)
    replayed = {}
    if not encoded.rejected[0]:
        for variant in prepared.job.variants:
            scorer = open_scorer(prepared.checkpoints[variant.checkpoint], config.model)
            replayed[variant.name] = float(scorer.score(encoded.tensors)[0])
    named = [column.path for column in prepared.job.carried]
    online = _value(batch, config.traffic.score)
    return ExplainedRow(
        key={name: _value(batch, name) for name in wanted},
        logged={name: _value(batch, name) for name in named if name not in wanted},
        features={name: _value(batch, name) for name in prepared.features},
        rejected=REJECT_REASONS[encoded.rejected[0]] or None,
        tensors={name: tensor[0].tolist() for name, tensor in encoded.tensors.items()},
        online=None if online is None else float(online),
        replayed=replayed,
    )


def _value(batch: pa.RecordBatch, name: str) -> Any:
    return feature_column(batch, name).to_pylist()[0]


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
