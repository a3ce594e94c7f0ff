"""``replay.score``: rows in, the same rows with a score out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pyarrow as pa

from replay.checkpoints import Checkpoint, check_inputs, examine
from replay.config import CheckpointConfig, EngineConfig, ModelConfig, build_config
from replay.errors import ConfigError, Problem
from replay.features import Encoder, check_features
from replay.flows.frames import column_names, is_spark, to_arrow, with_columns
from replay.scoring import PREFLIGHT_ROWS, REJECTED, Carried, Variant, Work, run_preflight
from replay.scoring.local import score_here
from replay.spark.types import canonical
from replay.traffic.read.conform import Conformer
from replay.traffic.table.merging import merge_schemas

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Rows = TypeVar("Rows")

BATCH_ROWS = 16_384
"""Rows that are encoded at once."""

_NAME = "score"
_SECTIONS: dict[str, Any] = {
    "version": 1,
    "traffic": {"path": "traffic", "key": ["_replay_key"], "score": "_replay_online"},
    "model": {"inputs": [{"name": "input", "feature": "feature"}]},
    "checkpoints": {_NAME: {"path": "checkpoint"}},
    "output": "out",
}
"""The rest of a config around the two sections that are given."""


def score(
    dataframe: Rows,
    checkpoint: str | Mapping[str, Any] | CheckpointConfig,
    model: Mapping[str, Any] | ModelConfig,
    *,
    column: str = "score",
    allow_pickle: bool = False,
    allow_non_finite: bool = False,
) -> Rows:
    """Score rows under a checkpoint: a pandas DataFrame, a pyarrow Table or RecordBatch, or a Spark DataFrame.

    Rows in memory are scored in this process, without Spark; the scores have the same bits either way. In pandas, None,
    NaN, NaT and NA are nulls, as in Arrow's ``from_pandas``: ``missing`` fills them, and without one the row is
    rejected. A categorical is its values, and an object column what its values are.

    Args:
        dataframe: Rows with the model's features. All its columns come back, in their order, with their index.
        checkpoint: Path of the checkpoint, or its section of the config (``path``, ``factory``, ...).
        model: The config's ``model`` section.
        column: Name of the score's column.
        allow_pickle: The checkpoint may be a pickled module.
        allow_non_finite: The checkpoint may hold NaN or Inf.

    Returns:
        The same kind of rows with two columns more: ``rejected`` (why, null for a scored row) and ``column`` (float, or
        double where the model answers in float64; null for a rejected row, which pandas shows as NaN). Of a Spark
        DataFrame lazily: scoring runs with the first action.

    Raises:
        ConfigError: The sections are wrong, or do not fit the rows or the checkpoint; every problem at once.
        CheckpointError: The checkpoint is refused.
        UsageError: The rows are of another kind.
    """
    settings, contract = _sections({"path": checkpoint} if isinstance(checkpoint, str) else checkpoint, model)
    rows: Any = dataframe
    table = None if is_spark(rows) else to_arrow(rows, contract)
    _refuse(
        Problem(f"the rows have a column {name!r} already: rename it, or give another `column`")
        for name in (column, REJECTED)
        if name in column_names(rows)
    )
    examined = examine(settings, _NAME, allow_pickle=allow_pickle, allow_non_finite=allow_non_finite)
    if table is None:
        result: Any = _score_spark(rows, examined, contract, column)
    else:
        result = with_columns(rows, _score_table(table, examined, contract, column))
    return cast("Rows", result)


def _score_table(
    table: pa.Table, checkpoint: Checkpoint, contract: ModelConfig, column: str
) -> dict[str, pa.ChunkedArray]:
    """The two columns of a table's rows."""
    logged = pa.schema([pa.field(field.name, canonical(field.type)) for field in table.schema])
    _refuse([*check_features(contract, logged), *check_inputs(checkpoint, contract)])
    roots = Encoder(contract, logged).roots
    schema = merge_schemas([pa.schema([logged.field(name) for name in roots])], ["the rows"])
    read = table.select(list(roots))
    conformer = Conformer(read.schema, schema, {}, "the rows")

    def batches(rows: pa.Table) -> Iterator[pa.RecordBatch]:
        names = conformer.file_columns
        return (conformer.conform(batch) for batch in rows.select(names).to_batches(max_chunksize=BATCH_ROWS))

    sample = pa.Table.from_batches(batches(read.slice(0, PREFLIGHT_ROWS)), schema)
    work = _work(contract, checkpoint, sample, column, carried=())
    scored = score_here(work, {_NAME: checkpoint}, EngineConfig(), schema, batches(read))
    found = pa.Table.from_batches(scored, work.schema())
    return {name: found.column(name) for name in found.schema.names}


def _score_spark(dataframe: DataFrame, checkpoint: Checkpoint, contract: ModelConfig, column: str) -> Any:
    """The DataFrame with the two columns, lazily."""
    from replay.scoring.job import ScoreJob, score_partition
    from replay.scoring.shipping import ship
    from replay.scoring.sources import find_sources
    from replay.spark.errors import spark_errors
    from replay.spark.tasks.arrow_mapping import map_batches
    from replay.spark.types import spark_struct

    with spark_errors("reading the DataFrame"):
        sample = dataframe.limit(PREFLIGHT_ROWS).toArrow()
    _refuse([*check_features(contract, sample.schema), *check_inputs(checkpoint, contract)])
    carried = tuple(Carried(field.name, field.type, "as_logged") for field in sample.schema)
    work = _work(contract, checkpoint, sample, column, carried)
    checkpoints = {_NAME: checkpoint}
    job = ScoreJob(work, checkpoints, EngineConfig(), find_sources(work, checkpoints))
    shipped = ship(dataframe.sparkSession, job, work, checkpoints)

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_partition(shipped.value, batches, lambda _: None)

    return map_batches(dataframe, run, spark_struct(work.schema()))


def _work(
    contract: ModelConfig, checkpoint: Checkpoint, sample: pa.Table, column: str, carried: tuple[Carried, ...]
) -> Work:
    """What is scored, once a few rows have been."""
    arrays = [pa.concat_arrays(each.chunks) if each.num_chunks else pa.array([], each.type) for each in sample.columns]
    preflight = run_preflight(contract, {_NAME: checkpoint}, pa.RecordBatch.from_arrays(arrays, schema=sample.schema))
    _refuse(preflight.problems)
    return Work(
        model=contract,
        variants=(Variant(column, _NAME),),
        score_types={column: preflight.score_types[_NAME]},
        carried=carried,
        by_feature=False,
    )


def _sections(checkpoint: Any, model: Any) -> tuple[CheckpointConfig, ModelConfig]:
    """The two sections, checked as those of a file are.

    Raises:
        ConfigError: With every problem, and its place in the section.
    """
    data = dict(_SECTIONS)
    if not isinstance(model, ModelConfig):
        data["model"] = model
    if not isinstance(checkpoint, CheckpointConfig):
        data["checkpoints"] = {_NAME: checkpoint}
    try:
        config = build_config(data)
    except ConfigError as error:
        raise ConfigError([_in_section(problem) for problem in error.problems]) from error
    read = config.checkpoints[_NAME]
    if not isinstance(read, CheckpointConfig):
        _refuse([Problem("expected a checkpoint that is a file: `path`, ...", "checkpoint")])
    return (
        checkpoint if isinstance(checkpoint, CheckpointConfig) else read,  # type: ignore[return-value]
        model if isinstance(model, ModelConfig) else config.model,
    )


def _in_section(problem: Problem) -> Problem:
    within = f"checkpoints.{_NAME}"
    inside = problem.path == within or problem.path.startswith(f"{within}.")
    return replace(problem, path="checkpoint" + problem.path[len(within) :]) if inside else problem


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise ConfigError(found)
