"""The rows of a rehearsal, drawn from the pinned traffic by whichever reader a run would use, and what they prove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from replay.checkpoints import Checkpoint, cached_scorer, check_inputs
from replay.config import ModelConfig, ReplayConfig
from replay.errors import TrafficError
from replay.rehearsal import ContractCheck, RehearsedRows, check_contract
from replay.report.words.rejects import refusal_text
from replay.traffic import DrawnRows, PinnedTraffic, SplitPlan, draw_direct, draw_scanned, values_refused

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def draw_rehearsed(
    config: ReplayConfig,
    checkpoints: Mapping[str, Checkpoint],
    plan: SplitPlan,
    spark: SparkSession,
    traffic: PinnedTraffic,
    selected: int | None,
) -> RehearsedRows | None:
    """Draw a few thousand of the selected rows.

    Args:
        config: As it fits the table.
        checkpoints: Examined, by name.
        plan: How tasks get their rows.
        spark: The session.
        traffic: The pinned table.
        selected: Rows that the config selects, or None where that is not known: then Spark is not asked to draw any.

    Returns:
        The rows; None where only Spark could draw them and does not.

    Raises:
        TrafficError: A file cannot be read, or ``where`` has no value for a row.
        ConfigError: A computed column has none.
    """
    if plan.reader == "direct":
        with values_refused(spark, traffic):
            drawn = draw_direct(plan)
        return _rehearsed(config, checkpoints, drawn)
    if selected is None:
        return None
    return _rehearsed(config, checkpoints, draw_scanned(spark, traffic, plan.columns, selected))


def _rehearsed(config: ReplayConfig, checkpoints: Mapping[str, Checkpoint], drawn: DrawnRows) -> RehearsedRows:
    scorers = {name: cached_scorer(checkpoint, config.model) for name, checkpoint in checkpoints.items()}
    return RehearsedRows(config, drawn.batch, scorers, drawn.blocks, drawn.of_blocks)


def check_rows(rows: RehearsedRows, checkpoints: Mapping[str, Checkpoint]) -> ContractCheck:
    """Take rows through the contract; where it rejects some, look for keys with which it would not."""

    def fits(model: ModelConfig) -> bool:
        by_it = (one for one in checkpoints.values() if one.config.owner is None)
        return not any(check_inputs(checkpoint, model) for checkpoint in by_it)

    return check_contract(rows, fits)


def refuse_rejected(contract: ContractCheck | None, config: ReplayConfig) -> None:
    """Refuse a run that would reject more rows than it may, where the sample proves it.

    Raises:
        TrafficError: With the features, an example of each, and the keys that would accept them.
    """
    if contract is not None and contract.low > config.engine.max_rejected:
        raise TrafficError(refusal_text(contract, config.engine.max_rejected))
