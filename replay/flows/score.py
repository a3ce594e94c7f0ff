"""``replay.score``: a DataFrame in, the same DataFrame with a score out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from replay.checkpoints import check_inputs, examine
from replay.config import CheckpointConfig, EngineConfig, ModelConfig
from replay.errors import ConfigError, Problem
from replay.features import check_features
from replay.scoring import PREFLIGHT_ROWS, REJECTED, Carried, Variant, Work, run_preflight
from replay.scoring.job import ScoreJob, score_partition
from replay.scoring.sources import find_sources
from replay.spark.arrow_mapping import map_batches
from replay.spark.errors import spark_errors
from replay.spark.types import spark_struct

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def score(
    dataframe: DataFrame,
    checkpoint: str | Mapping[str, Any] | CheckpointConfig,
    model: Mapping[str, Any] | ModelConfig,
    *,
    column: str = "score",
    allow_pickle: bool = False,
    allow_non_finite: bool = False,
) -> DataFrame:
    """Score a DataFrame under a checkpoint.

    Args:
        dataframe: Rows with the model's features. All its columns come back.
        checkpoint: Path of the checkpoint, or its section of the config (``path``, ``factory``, ...).
        model: The config's ``model`` section.
        column: Name of the score's column.
        allow_pickle: The checkpoint may be a pickled module.
        allow_non_finite: The checkpoint may hold NaN or Inf.

    Returns:
        The DataFrame with two columns more: ``column`` (float, or double where the model answers in float64; null for a
        rejected row) and ``rejected`` (why, null for a scored row). Lazily: scoring runs with the first action.

    Raises:
        ConfigError: The sections are wrong, or do not fit the DataFrame or the checkpoint; every problem at once.
        CheckpointError: The checkpoint is refused.
    """
    entry = {"path": checkpoint} if isinstance(checkpoint, str) else checkpoint
    settings = _section(CheckpointConfig, entry, "checkpoint")
    contract = _section(ModelConfig, model, "model")
    _refuse(
        Problem(f"the DataFrame has a column {name!r} already: rename it, or give another `column`")
        for name in (column, REJECTED)
        if name in dataframe.columns
    )
    examined = examine(settings, "score", allow_pickle=allow_pickle, allow_non_finite=allow_non_finite)
    with spark_errors("reading the DataFrame"):
        sample = dataframe.limit(PREFLIGHT_ROWS).toArrow()
    _refuse([*check_features(contract, sample.schema), *check_inputs(examined, contract)])
    batch = pa.RecordBatch.from_arrays([entry.combine_chunks() for entry in sample.columns], schema=sample.schema)
    preflight = run_preflight(contract, {"score": examined}, batch)
    _refuse(preflight.problems)
    work = Work(
        model=contract,
        variants=(Variant(column, "score"),),
        score_types={column: preflight.score_types["score"]},
        carried=tuple(Carried(field.name, field.type, "as_logged") for field in sample.schema),
    )
    checkpoints = {"score": examined}
    job = ScoreJob(work, checkpoints, EngineConfig(), find_sources(work, checkpoints))
    shipped = dataframe.sparkSession.sparkContext.broadcast(job)

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_partition(shipped.value, batches, lambda _: None)

    return map_batches(dataframe, run, spark_struct(work.schema()))


def _section(kind: Any, given: Any, name: str) -> Any:
    if isinstance(given, kind):
        return given
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        problems = [Problem(entry["msg"], path=".".join([name, *map(str, entry["loc"])])) for entry in error.errors()]
        raise ConfigError(problems) from error


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise ConfigError(found)
