"""Costs to checkpoints other than the baseline: each is compared with its own scores, not with the baseline's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from replay.diff.job import diff_scores
from replay.flows.run import Measured
from replay.flows.stages.results import variant_summary
from replay.flows.stages.scores import diff_spec
from replay.report.summary import VariantSummary


def against_their_own(measured: Measured, checkpoints: Iterable[str]) -> dict[str, VariantSummary]:
    """Compare the variants of some checkpoints with these checkpoints.

    Args:
        measured: A run that has scored them.
        checkpoints: Names; the baseline's variants are compared with it already.

    Returns:
        By variant, for all variants of the checkpoints but those of the baseline.
    """
    prepared = measured.prepared
    found: dict[str, VariantSummary] = {}
    spec = diff_spec(prepared, measured.tolerance)
    planned = {variant.name: variant for variant in prepared.job.work.variants}
    for checkpoint in dict.fromkeys(checkpoints):
        if checkpoint == spec.baseline:
            continue
        own = tuple(each for each in spec.variants if checkpoint in (each.name, each.checkpoint))
        alone = replace(spec, variants=own, baseline=checkpoint, segments=(), time=None)
        result = diff_scores(measured.scores, alone, prepared.config.traffic.key, 1).result
        found |= {name: variant_summary(each, planned[name]) for name, each in result.variants.items()}
    return found
