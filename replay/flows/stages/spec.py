"""What the diff of a run reads from its scores table, and how it judges."""

from __future__ import annotations

from replay.config import Tolerance
from replay.diff.spec import DiffSpec, VariantColumn
from replay.flows.stages.prepare import Prepared
from replay.scoring import REJECTED


def diff_spec(prepared: Prepared, tolerance: Tolerance) -> DiffSpec:
    """What the diff of a run reads from its scores table, and how it judges."""
    traffic, diff = prepared.config.traffic, prepared.config.diff
    return DiffSpec(
        online=traffic.score,
        variants=tuple(
            VariantColumn(variant.name, variant.name, None if variant.scenario is None else variant.checkpoint)
            for variant in prepared.job.work.variants
        ),
        baseline=prepared.config.baseline,
        tolerance=tolerance,
        label=traffic.label,
        weight=traffic.weight,
        group=traffic.group,
        time=None if traffic.time is None else traffic.time.column,
        bucket_us=round(diff.bucket.total_seconds() * 1e6),
        segments=traffic.segments,
        rejected=REJECTED,
    )
