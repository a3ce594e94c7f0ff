"""``replay row``: one row end to end, from what was logged to every score."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.checkpoints import cached_scorer, flattening
from replay.config import ModelConfig, ReplayConfig
from replay.errors import TrafficError, UsageError
from replay.features import REJECT_REASONS, Encoder, feature_column
from replay.flows.options import Options
from replay.flows.stages.prepare import Prepared, prepare
from replay.report.summary.json_safe import plain
from replay.scoring import BatchScorer, Stopwatch
from replay.spark.errors import spark_errors
from replay.traffic import find_rows
from replay.traffic.paths import require_column
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    import torch


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
        replayed: Score by variant, None where a scenario does not touch the row; empty for a rejected row.
    """

    key: dict[str, Any]
    logged: dict[str, Any]
    features: dict[str, Any]
    rejected: str | None
    tensors: dict[str, Any]
    online: float | None
    replayed: dict[str, float | None]

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
            if score is None:
                lines.append(f"  {name} = not touched: its checkpoint's score holds")
                continue
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
    with ExitStack() as visit:
        prepared = prepare(config, options or Options(), visit)
        with spark_errors("finding the row"):
            batch = _find(prepared, dict(key))
    work = prepared.job.work
    encoded = Encoder(config.model, batch.schema).encode(batch)
    scorers = {name: cached_scorer(checkpoint, config.model) for name, checkpoint in prepared.checkpoints.items()}
    (scores,) = BatchScorer(work, batch.schema, scorers, config.engine.chunk_rows).run([batch], Stopwatch())
    named = [column.path for column in work.carried]
    online = _value(batch, config.traffic.score)
    return ExplainedRow(
        key={name: _value(batch, name) for name in wanted},
        logged={name: _value(batch, name) for name in named if name not in wanted},
        features={name: _value(batch, name) for name in prepared.features},
        rejected=REJECT_REASONS[encoded.rejected[0]] or None,
        tensors=_as_called(encoded.tensors, config.model),
        online=None if online is None else float(online),
        replayed={}
        if encoded.rejected[0]
        else {variant.name: scores.column(variant.name)[0].as_py() for variant in work.variants},
    )


def _as_called(tensors: Mapping[str, torch.Tensor], model: ModelConfig) -> dict[str, Any]:
    """The one row's tensors as the model gets them: without the batch's dimension, but for lists end to end."""
    flatten = flattening(model)
    given = tensors if flatten is None else flatten(tensors)
    whole = {entry.name for entry in model.inputs if entry.ragged is not None or entry.offsets_of is not None}
    return {name: (tensor if name in whole else tensor[0]).tolist() for name, tensor in given.items()}


def _find(prepared: Prepared, key: dict[str, Any]) -> pa.RecordBatch:
    """The one row with a key, with what scenarios need beside the logged columns.

    Raises:
        TrafficError: No selected row has this key.
    """
    traffic = prepared.traffic
    found = find_rows(prepared.spark, traffic, [key], prepared.plan.columns)
    if found.num_rows == 0:
        shown = ", ".join(f"{name}={value}" for name, value in key.items())
        raise TrafficError(f"no row with {shown} among those that the config selects from {traffic.location}")
    if prepared.side.place is not None:
        from pyspark.sql import functions as F

        rows = prepared.scan()
        first = found.slice(0, 1).combine_chunks().to_batches()[0]
        for name in traffic.config.key:
            column = spark_column(require_column(traffic.schema, name))
            rows = rows.where(column.eqNullSafe(F.lit(_value(first, name))))
        found = rows.toArrow()
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in found.columns], schema=found.schema)


def _value(batch: pa.RecordBatch, name: str) -> Any:
    return feature_column(batch, name).to_pylist()[0]


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
