"""A second call of a complete run: found in its output and shown, not done again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from replay.config import ReplayConfig
from replay.flows.early import look_at_output, refuse_early
from replay.flows.finished.registered import mean_as_begun
from replay.flows.finished.window import take_up
from replay.flows.options import Options
from replay.report.terminal.progress import Progress
from replay.store import COMPLETE, SCORES, Manifest, OutputDirectory, needs_spark, open_storage

if TYPE_CHECKING:
    from replay.flows.finished.result import RunResult


def find_finished(
    config: ReplayConfig, options: Options, progress: Progress, *, overwrite: bool, diagnosing: bool
) -> RunResult | None:
    """Refuse what can be refused at once; else find the complete run of exactly this config, if the output holds it.

    The gates are judged anew, as they may be others. Its files stay as they are, but for the verdicts where those are
    others now.

    Args:
        config: As loaded.
        options: Spark and safety options.
        progress: Is told of a run that is found.
        overwrite: Nothing is looked for: the run starts afresh.
        diagnosing: Only a run whose incidents were searched for will do. Where it is not asked for, it does no harm.

    Returns:
        The run; None where there is none, or where something that it was made from changed, or may have.

    Raises:
        ReplayError: See :func:`refuse_early` and :func:`look_at_output`.
    """
    refuse_early(config, options, diagnosing=diagnosing)
    config = _as_it_starts(config, progress, overwrite=overwrite)
    manifest = look_at_output(config, overwrite=overwrite)
    mean_as_begun(config, manifest)
    if manifest is None or manifest.status != COMPLETE or SCORES not in manifest.tables:
        return None
    from replay.flows.finished.reuse import reuse

    result = reuse(config, options, manifest, diagnosing=diagnosing)
    if result is not None:
        searched = ", with its incidents" if result.summary.diagnosed else ""
        progress.note(f"already done on {_when(manifest)}{searched}; --overwrite runs it again")
    return result


def _as_it_starts(config: ReplayConfig, progress: Progress, *, overwrite: bool) -> ReplayConfig:
    """The config over the window that is replayed, which is said where the clock decides it."""
    begun = config
    if config.run_start.rules and not needs_spark(config.output):
        begun = take_up(config, OutputDirectory(open_storage(config.output)), overwrite=overwrite)
    window, rule = begun.traffic.window, config.run_start.rule
    if rule is not None and window is not None and window.start is not None and window.end is not None:
        from replay.report.words.numbers import time_range
        from replay.report.words.run import rule_words

        kept = " (that of the unfinished run in the output)" if begun.traffic.window != config.traffic.window else ""
        progress.note(f"window: {time_range(window.start, window.end)} UTC, {rule_words(rule.rule())}{kept}")
    return begun


def _when(manifest: Manifest) -> str:
    finished = datetime.fromisoformat(manifest.finished or manifest.started)
    return f"{finished:%Y-%m-%d %H:%M} UTC"
