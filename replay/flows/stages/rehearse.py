"""The rows of a rehearsal, drawn from the pinned traffic by whichever reader a run would use."""

from __future__ import annotations

from replay.checkpoints import cached_scorer
from replay.flows.stages.prepare import Prepared
from replay.rehearsal import RehearsedRows
from replay.traffic import draw_direct, draw_scanned


def draw_rehearsed(prepared: Prepared, selected: int) -> RehearsedRows:
    """Draw a few thousand of the selected rows.

    Args:
        prepared: Traffic and checkpoints that fit.
        selected: Rows that the config selects.

    Raises:
        TrafficError: A file cannot be read.
    """
    plan, config = prepared.plan, prepared.config
    drawn = (
        draw_direct(plan)
        if plan.reader == "direct"
        else draw_scanned(prepared.spark, prepared.traffic, plan.columns, selected)
    )
    scorers = {name: cached_scorer(checkpoint, config.model) for name, checkpoint in prepared.checkpoints.items()}
    return RehearsedRows(config, drawn.batch, scorers, drawn.blocks, drawn.of_blocks)
