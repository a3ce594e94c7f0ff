"""Gates checked before a run scores."""

from __future__ import annotations

from replay.config import Gate, ReplayConfig, Tolerance
from replay.diff.grid import DiffState
from replay.diff.measure import measure
from replay.diff.ranking.rank_state import RankState
from replay.diff.slices.measures import ALL, SLICED_METRICS
from replay.errors import ConfigError, Problem
from replay.flows.problems import located
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.results import variant_summary
from replay.flows.stages.scores import diff_spec
from replay.report.gates import judge_gates
from replay.report.summary import Reconciliation, Summary, Timings, TrafficSummary


def check_gates(prepared: Prepared) -> None:
    """Find gates on what this run does not measure, before it scores: a diff of no rows has the same metrics.

    Raises:
        ConfigError: With all such gates. A slice without rows shows only after the run.
    """
    config = prepared.config
    if not config.gates:
        return
    with located(config):
        _check_slices(config)
    spec = diff_spec(prepared, Tolerance())
    ranked = spec.group is not None and len(spec.variants) > 1
    nothing = measure(DiffState(spec), None, RankState(spec).compute() if ranked else None)
    variants = prepared.job.work.variants
    summary = Summary(
        run_id="",
        rows=0,
        reconciliation=Reconciliation(read=0, filtered=0, rejected={}, scored=0),
        timings=Timings(),
        traffic=TrafficSummary(),
        checkpoints={},
        variants={variant.name: variant_summary(nothing.variants[variant.name], variant) for variant in variants},
        baseline=config.baseline,
    )
    with located(config):
        judge_gates([gate.model_copy(update={"slice": None}) for gate in config.gates], summary, nothing.metric_rows)


def _check_slices(config: ReplayConfig) -> None:
    expected = f"leave `slice` out, or take one of {', '.join(SLICED_METRICS)}"
    problems = [
        Problem(f"`{gate.metric}` is not measured by slice: {expected}", f"gates[{place}].metric")
        for place, gate in enumerate(config.gates)
        if isinstance(gate, Gate) and gate.slice not in (None, ALL) and gate.metric not in SLICED_METRICS
    ]
    if problems:
        raise ConfigError(problems)
