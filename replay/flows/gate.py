"""Gates checked before a run, and judged after it: ``replay gate OUTPUT`` judges it again."""

from __future__ import annotations

from dataclasses import replace

from replay.config import Gate, ReplayConfig, Tolerance
from replay.diff.grid import DiffState
from replay.diff.measure import measure
from replay.diff.ranking.rank_state import RankState
from replay.diff.slices.measures import ALL, SLICED_METRICS
from replay.errors import ConfigError, Problem, UsageError
from replay.flows.options import Options
from replay.flows.render_again import render_again
from replay.flows.stages.compare import diff_spec
from replay.flows.stages.fit import located
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.results import variant_summary
from replay.metrics.row import MetricRow
from replay.report.gates import judge_gates
from replay.report.summary import Reconciliation, Summary, Timings, TrafficSummary
from replay.report.summary.data import ReportData
from replay.spark.guest import at_work, private_session
from replay.spark.session import start_session
from replay.store import METRICS, OutputDirectory, open_storage, read_table


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
        if gate.slice not in (None, ALL) and gate.metric not in SLICED_METRICS
    ]
    if problems:
        raise ConfigError(problems)


def judge_output(output: str, options: Options) -> ReportData:
    """Judge the gates of the config that a run was made from.

    Args:
        output: The run's output directory.
        options: Spark options: the metrics of slices are in a Delta table.

    Raises:
        UsageError: The directory holds no finished run.
        ConfigError: A gate names what the run does not have.
    """
    data, _ = render_again(output)
    with at_work(private_session(start_session(options.master, options.conf), keep=options.conf)) as spark:
        manifest = OutputDirectory(open_storage(output, spark)).manifest()
        if manifest is None:
            raise UsageError(f"{output}: found no manifest.json, expected the output of a finished run")
        gates = [Gate.model_validate(entry) for entry in manifest.config.get("gates") or ()]
        columns = [name for name in MetricRow.__dataclass_fields__ if name != "bucket"]
        found = read_table(spark, f"{output}/{METRICS}").where("bucket is null").select(*columns).collect()
    rows = [MetricRow(bucket=None, **row.asDict()) for row in found]
    return replace(data, summary=replace(data.summary, gates=judge_gates(gates, data.summary, rows)))
