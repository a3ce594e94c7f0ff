"""The other table's rows replayed, as they are and as the traffic has their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.config import ReplayConfig, RouteConfig, ServedRouteConfig, Tolerance, TrafficConfig
from replay.errors import ConfigError, TrafficError
from replay.flows.audit.core import measure_changes
from replay.flows.audit.costed_rows import compared_again
from replay.flows.audit.reference.plan import ReferencePlan
from replay.flows.audit.reference.rows import write_rows
from replay.flows.run import Measured, replay_window
from replay.flows.sources.unreadable import is_about_file
from replay.flows.stages.map_keys import write_out_globs
from replay.flows.stages.prepare import Prepared
from replay.report.summary import VariantSummary
from replay.report.summary.data import ReportData
from replay.report.terminal.progress import Progress


@dataclass(frozen=True)
class ReferenceCosts:
    """What replaying the other table's rows measured.

    Attributes:
        variants: By name; none where nothing was replayed.
        changes: How much the scores change where a feature is null, by variant.
        rows: Rows that were scored.
        reason: Why nothing could be measured; None where it was, or nothing had to be.
    """

    variants: Mapping[str, VariantSummary] = field(default_factory=dict)
    changes: Mapping[str, float | None] = field(default_factory=dict)
    rows: int = 0
    reason: str | None = None


def replay_reference(measured: Measured, planned: ReferencePlan) -> ReferenceCosts:
    """Replay rows of the other table, written beside what the run writes and deleted when they are scored.

    Args:
        measured: The run that is going on.
        planned: What is replayed.

    Raises:
        TrafficError: A file of the other table cannot be read.
    """
    plan, columns = planned.costs, planned.columns
    if plan.together is None:
        return ReferenceCosts(reason=columns.obstacle)
    prepared = measured.prepared
    folder = f"{measured.output.reference()}/{planned.counted.name}"
    variants: dict[str, VariantSummary] = {}
    changes: dict[str, float | None] = {}

    def keep(replayed: Measured) -> ReportData:
        variants.update(replayed.data.summary.variants)
        variants.update(compared_again(replayed, plan.checkpoints, scenarios=plan.costing))
        changes.update(measure_changes(replayed.scores, [plan]))
        return replayed.data

    try:
        traffic = write_rows(prepared, planned.source, columns, planned.share, f"{folder}/rows")
        config = _config(prepared, planned, traffic, f"{folder}/run")
        result = replay_window(
            config, prepared.options, Progress(None), overwrite=True, complete=keep, least_changes=planned.changes
        )
    except (ConfigError, TrafficError) as error:
        if is_about_file(error, planned.source):
            raise
        return ReferenceCosts(reason=str(error).splitlines()[0])
    finally:
        measured.output.drop_reference()
    return ReferenceCosts(variants, changes, result.summary.rows)


def _config(prepared: Prepared, planned: ReferencePlan, traffic: TrafficConfig, output: str) -> ReplayConfig:
    """The config of that replay: the same contract and checkpoints over other rows, and nothing but the scenarios."""
    plan, against = planned.costs, planned.counted.audit.against
    config = write_out_globs(prepared.config, prepared.traffic.schema, {})
    checkpoints = {
        name: entry
        for name, entry in config.checkpoints.items()
        if name in plan.checkpoints or not isinstance(entry, RouteConfig | ServedRouteConfig)
    }
    changed = {
        "traffic": traffic,
        "checkpoints": checkpoints,
        "baseline": plan.checkpoints[0],
        "scenarios": dict(plan.steps),
        "scenario_checkpoints": plan.checkpoints,
        "sensitivity": False,
        "skew_matrix": None,
        "sources": {against: config.sources[against]},
        "audits": {},
        "gates": (),
        "diff": config.diff.model_copy(update={"tolerance": Tolerance(), "worst_rows": 0}),
        # What a row of the other table lacks is told of the audit, and ends no run.
        "engine": config.engine.model_copy(update={"max_rejected": 1.0}),
        "output": output,
    }
    return config.model_copy(update=changed)
