"""``replay gate OUTPUT``: the gates of a finished run, judged again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from replay.config import AnyGate
from replay.errors import UsageError
from replay.flows.options import Options
from replay.flows.render_again import render_again
from replay.metrics.row import MetricRow
from replay.report.gates import judge_gates
from replay.report.run_verdict import RunVerdict
from replay.report.summary.data import ReportData
from replay.store import METRICS, VERDICT, Manifest, OutputDirectory, needs_spark, open_storage, read_table

_GATE: TypeAdapter[AnyGate] = TypeAdapter(AnyGate)


def judge_output(output: str, options: Options) -> ReportData:
    """Judge the gates of the config that a run was made from.

    Args:
        output: The run's output directory.
        options: Spark options, for an output that only Spark reaches, and for one of an earlier version, whose slices
            are in a table.

    Raises:
        UsageError: The directory holds no finished run.
        ConfigError: A gate names what the run does not have.
    """
    data, _ = render_again(output)
    if data.judgeable and not needs_spark(output):
        gates, rows = _gates(OutputDirectory(open_storage(output)).manifest(), output), data.rows
    else:
        gates, rows = _from_tables(output, options)
    return judged(data, gates, rows)


def ended_verdict(output: str, options: Options) -> RunVerdict | None:
    """The verdict on the last run of an output, where that did not come to its end: refused, failed, interrupted.

    Args:
        output: The run's output directory.
        options: Spark options, for an output that only Spark reaches.
    """
    spark = None
    if needs_spark(output):
        from replay.spark.session import start_session

        spark = start_session(options.master, options.conf)
    found = RunVerdict.from_json(open_storage(output, spark).read(VERDICT))
    return None if found is None or found.has_results else found


def judged(data: ReportData, gates: Sequence[AnyGate], rows: Sequence[MetricRow]) -> ReportData:
    """The same run with its gates judged.

    Raises:
        ConfigError: A gate names what the run does not have.
    """
    return replace(data, summary=replace(data.summary, gates=judge_gates(gates, data.summary, rows)))


def _gates(manifest: Manifest | None, output: str) -> list[AnyGate]:
    if manifest is None:
        raise UsageError(f"{output}: found no manifest.json, expected the output of a finished run")
    try:
        return [_GATE.validate_python(entry) for entry in manifest.config.get("gates") or ()]
    except ValidationError as error:  # an earlier version took what would pass the more easily the less data there is
        found = error.errors()[0]["msg"]
        raise UsageError(f"{output}: a gate of its config is refused ({found}): change it, and run again") from error


def _from_tables(output: str, options: Options) -> tuple[list[AnyGate], tuple[MetricRow, ...]]:
    """The gates, and the metrics that they are about, read by Spark."""
    from replay.spark.guest import at_work, private_session
    from replay.spark.session import start_session

    with at_work(private_session(start_session(options.master, options.conf), keep=options.conf)) as spark:
        gates = _gates(OutputDirectory(open_storage(output, spark)).manifest(), output)
        table = read_table(spark, f"{output}/{METRICS}")
        columns = [name for name in MetricRow.__dataclass_fields__ if name != "bucket" and name in table.columns]
        found = table.where("bucket is null").select(*columns).collect()
    return gates, tuple(MetricRow(bucket=None, **row.asDict()) for row in found)
