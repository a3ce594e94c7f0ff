"""``replay diagnose``: a replay that also finds the incidents and tests the causes of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replay.config import ReplayConfig
from replay.config.run_start import resolve
from replay.flows.attempt import attempt, load_to_run
from replay.flows.finished.find import find_finished
from replay.flows.finished.result import RunResult
from replay.flows.options import Options
from replay.flows.run import replay_window
from replay.report.terminal.notebook import choose_progress
from replay.report.terminal.progress import Progress


def diagnose(
    config: ReplayConfig | str | Path,
    *,
    overrides: Sequence[str] = (),
    output: str | None = None,
    overwrite: bool = False,
    options: Options | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
) -> RunResult:
    """Replay a logged window, find when and for whom it disagrees with online, and which counterfactual explains it.

    Args:
        config: A config, or the path of its file; its traffic needs a time column.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        output: Where to write, instead of the config's ``output``.
        overwrite: Start afresh, and replace whatever run the output holds.
        options: Spark and safety options.
        progress: Shows the work; default: a terminal or a notebook shows it, on stderr, and nothing else does.
        quiet: Show nothing anywhere.

    Returns:
        The run; ``summary.incidents`` holds what was found.

    Raises:
        ConfigError: As :func:`replay.flows.run.run`, or the traffic has no time.
        TrafficError: The traffic is refused.
        CheckpointError: A checkpoint is refused.
        RunFailed: The run failed on its way.
    """
    if not isinstance(config, ReplayConfig):
        config = load_to_run(config, overrides, output)
    config, options = resolve(config), options or Options()
    with progress or choose_progress(quiet=quiet) as shown, attempt(config, overwrite=overwrite):
        done = find_finished(config, options, shown, overwrite=overwrite, diagnosing=True)
        return done or replay_window(config, options, shown, overwrite=overwrite, diagnosing=True)
