"""A complete run as the answer to a second call: if all is as it was, with the gates judged anew."""

from __future__ import annotations

from dataclasses import replace

from replay.config import ReplayConfig, to_resolved_dict
from replay.flows.finished.judge import judged
from replay.flows.finished.result import RunResult, render_results
from replay.flows.finished.unchanged import all_unchanged
from replay.flows.options import Options
from replay.flows.problems import located
from replay.report.run_verdict import verdict_of
from replay.report.summary.data import ReportData
from replay.store import REPORT, REPORT_DATA, SUMMARY, VERDICT, Manifest, OutputDirectory, open_storage


def reuse(
    config: ReplayConfig, options: Options, manifest: Manifest, *, diagnosing: bool, as_it_was: bool = False
) -> RunResult | None:
    """Take a complete run for the answer, if one of this config would be the same.

    Its files stay as they are, unless the gates of the config are others now: then it is they that are replaced.

    Args:
        config: Of the same fingerprint as the run's.
        options: Spark and safety options.
        manifest: Of the complete run that the output holds.
        diagnosing: Only a run whose incidents were searched for will do.
        as_it_was: What it was made from may have changed since.

    Returns:
        The run; None where something that it was made from changed, or may have.

    Raises:
        ConfigError: A gate names what the run does not have.
    """
    storage = open_storage(config.output)
    output = OutputDirectory(storage)
    text = storage.read(REPORT_DATA)
    if text is None or storage.read(SUMMARY) is None or output.tables() != manifest.tables:
        return None
    data = ReportData.from_json(text)
    if data.summary.reconciliation.bad_rows > config.engine.max_bad_rows:
        return None
    if not data.judgeable or not _was_searched(config, manifest, data, diagnosing=diagnosing):
        return None
    if not as_it_was and not all_unchanged(config, options, manifest):
        return None
    with located(config):
        result = judged(data, config.gates, data.rows)
    if result != data or REPORT not in storage.names():
        resolved = {**manifest.config, "gates": to_resolved_dict(config)["gates"]}
        result, files = render_results(result, output.path)
        output.write_results(replace(manifest, config=resolved), files)
    verdict = verdict_of(result, f"{output.path}/{REPORT}").to_json()
    if storage.read(VERDICT) != verdict:  # of an attempt that was refused since, or of an earlier version
        storage.write(VERDICT, verdict)
    return RunResult(result, output.path, f"{output.path}/{REPORT}")


def _was_searched(config: ReplayConfig, manifest: Manifest, data: ReportData, *, diagnosing: bool) -> bool:
    """Whether the run holds the search for incidents that is asked for, if any is."""
    same = manifest.config.get("diagnosis") == to_resolved_dict(config)["diagnosis"]
    return not diagnosing or (data.summary.diagnosed and same)
