"""``replay gate OUTPUT``: judge the gates of a finished run again, from what it left."""

from __future__ import annotations

from dataclasses import replace

from replay.config import Gate
from replay.errors import UsageError
from replay.flows.options import Options
from replay.flows.report import render_again
from replay.metrics.row import MetricRow
from replay.report.data import ReportData
from replay.report.gating import judge_gates
from replay.session import start_session
from replay.store import METRICS, Output, open_storage, read_table


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
    spark = start_session(options.master, options.conf)
    manifest = Output(open_storage(output, spark)).manifest()
    if manifest is None:
        raise UsageError(f"{output}: found no manifest.json, expected the output of a finished run")
    gates = [Gate.model_validate(entry) for entry in manifest.config.get("gates") or ()]
    columns = [name for name in MetricRow.__dataclass_fields__ if name != "bucket"]
    found = read_table(spark, f"{output}/{METRICS}").where("bucket is null").select(*columns).collect()
    rows = [MetricRow(bucket=None, **row.asDict()) for row in found]
    return replace(data, summary=replace(data.summary, gates=judge_gates(gates, data.summary, rows)))
