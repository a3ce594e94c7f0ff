"""What the commands that replay a config share: loading, starting, progress, output and exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.answers import echo, echo_json
from replay.cli.interrupts import tell_interrupt
from replay.cli.options import Common
from replay.errors import ReplayError, UsageError
from replay.spark.faststart.garbage import no_collection

if TYPE_CHECKING:
    from replay.config import ReplayConfig
    from replay.flows.finished.result import RunResult
    from replay.report.summary.data import ReportData
    from replay.report.terminal.progress import Progress

_IN_TASKS = ("replay.scoring.table.waves", "replay.diff.job", "pyarrow.parquet")
"""What tasks run: workers have it from the start."""


def replay_config(config: str, common: Common, *overrides: str, diagnosed: bool = False) -> RunResult:
    """Load a config and replay it, with progress on stderr, if its output does not hold that very run already.

    What can be refused without Spark is, before it starts; it starts while the library is imported.

    Args:
        config: Its file.
        common: The shared options.
        overrides: Further ``--set`` expressions, of the command's own options.
        diagnosed: Whether to search for incidents and their causes too.
    """
    with loading(config, common, *overrides, to_run=True) as (loaded, progress):
        return replay_loaded(loaded, common, progress, diagnosed=diagnosed)


def replay_loaded(
    config: ReplayConfig,
    common: Common,
    progress: Progress,
    *,
    diagnosed: bool,
    told: Callable[[int], None] = lambda _: None,
) -> RunResult:
    """Replay a config that is loaded, and leave a verdict in its output, however that ends.

    Args:
        config: As loaded.
        common: The shared options.
        progress: Shows the work.
        diagnosed: Whether to search for incidents and their causes too.
        told: Who else is told of a signal that ends the command.
    """
    options = common.options()
    with attempt_of(config, common, told):
        from replay.flows.finished.find import find_finished

        done = find_finished(config, options, progress, overwrite=common.overwrite, diagnosing=diagnosed)
        if done is not None:
            return done
        start_spark(config, common, progress)
        with no_collection():
            from replay.flows.run import replay_window
        return replay_window(config, options, progress, overwrite=common.overwrite, diagnosing=diagnosed)


@contextlib.contextmanager
def attempt_of(
    config: ReplayConfig, common: Common, told: Callable[[int], None], *, auditing: bool = False
) -> Iterator[None]:
    """Leave a verdict in the output of a config, however the command ends."""
    from replay.flows.attempt import attempt

    with attempt(config, overwrite=common.overwrite, conf=common.conf, auditing=auditing) as one:

        def interrupted(code: int) -> None:
            told(code)
            one.interrupted(code)

        tell_interrupt(interrupted)
        yield


@contextlib.contextmanager
def loading(
    config: str, common: Common, *overrides: str, to_run: bool = False
) -> Iterator[tuple[ReplayConfig, Progress]]:
    """Load a config under a progress on stderr, whose first line comes before anything heavy is imported.

    Args:
        config: Its file.
        common: The shared options.
        overrides: Further ``--set`` expressions.
        to_run: A config that is refused leaves its verdict in the output, where the file says which that is.
    """
    from replay.report.terminal.progress import make_progress

    with make_progress(quiet=common.quiet) as progress:
        progress.stage("reading the config")
        given = replace(common, overrides=(*common.overrides, *overrides))
        yield given.load_to_run(config) if to_run else given.load(config), progress


@contextlib.contextmanager
def looking(
    config: str, common: Common, check: Callable[[ReplayConfig], None] | None = None
) -> Iterator[tuple[ReplayConfig, Progress]]:
    """Load a config to look at what it is about: Spark starts if neither it nor a check of one's own is refused."""
    with loading(config, common) as (loaded, progress):
        from replay.flows.early import refuse_early

        if check is not None:
            check(loaded)
        refuse_early(loaded, common.options(), diagnosing=False)
        start_spark(loaded, common, progress)
        yield loaded, progress


def start_spark(config: ReplayConfig, common: Common, progress: Progress) -> None:
    """Start Spark in the background, while the library is imported, unless it runs."""
    from replay.spark.faststart.prestart import prestart_session
    from replay.spark.session import is_running

    if is_running():
        return
    progress.stage("starting Spark")
    prestart_session(common.master, common.conf, config.traffic.path, _IN_TASKS)


def refuse_file(output: str) -> None:
    """Refuse a file where the output of a run is expected.

    Raises:
        UsageError: It is one; where it is a config, its own output is named.
    """
    if not Path(output).is_file():
        return
    meant = ""
    if output.endswith((".yaml", ".yml")):
        from replay.config.yaml.document import read_document

        with contextlib.suppress(ReplayError):
            named = read_document(output).data.get("output")
            meant = f": the config's `output` is {Path(output).parent / named}" if isinstance(named, str) else ""
    raise UsageError(f"{output} is a file, expected the output directory of a finished run{meant}")


def print_report(data: ReportData, report_path: str, common: Common) -> None:
    """Print the summary: for a person, or as JSON, or not at all."""
    from replay.report.terminal.render import render_terminal

    if common.as_json:
        echo_json(data.summary.to_dict())
    elif not common.quiet:
        try:
            text = render_terminal(data, report_path=report_path)
        except Exception as error:  # the run is complete, and its exit code a verdict
            text = f"{report_path}\nthe result could not be shown here ({type(error).__name__}: {error})\n"
        echo(text, nl=False)


def gates_exit_code(data: ReportData) -> int:
    """3 where the run gives no verdict, 1 where a gate did not pass, else 0."""
    from replay.report.run_verdict import status_of

    return status_of(data.summary)[1]
