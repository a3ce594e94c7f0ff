"""Variants and the one pass over the data that scores them all."""

from replay.scoring.core import BatchScorer, Stopwatch, Work
from replay.scoring.layout import REJECTED, REJECTED_FEATURE, Carried, carried_columns, scores_schema
from replay.scoring.preflight import PREFLIGHT_ROWS, Preflight, run_preflight
from replay.scoring.variants import Variant, plan_variants

__all__ = [
    "PREFLIGHT_ROWS",
    "REJECTED",
    "REJECTED_FEATURE",
    "BatchScorer",
    "Carried",
    "Preflight",
    "Stopwatch",
    "Variant",
    "Work",
    "carried_columns",
    "plan_variants",
    "run_preflight",
    "scores_schema",
]
