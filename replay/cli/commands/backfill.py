"""``replay backfill``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.interrupts import tell_interrupt
from replay.cli.options import Common, ConfigPath, common_options
from replay.cli.replays import replay_loaded

if TYPE_CHECKING:
    from replay.config import ReplayConfig
    from replay.flows.finished.result import RunResult
    from replay.report.backfilled import Backfill
    from replay.report.terminal.progress import Progress


@click.command(
    cls=Command,
    short_help="Replay the hours or days that have no complete run yet.",
    examples=(
        (
            "the hours of a day, each into its own output (output: 'out/{window.start:%Y/%m/%dT%H}')",
            "replay backfill replay.yaml --from 2026-11-20 --to 2026-11-21 --every 1h",
        ),
        (
            "the same with incidents and their causes, for a program",
            "replay backfill replay.yaml --from 2026-11-20 --to 2026-11-21 --every 1h --diagnose --json",
        ),
    ),
)
@click.argument("config", type=ConfigPath())
@click.option("--from", "start", required=True, metavar="TIME", help="Start of the first window, such as 2026-11-20.")
@click.option("--to", "end", required=True, metavar="TIME", help="End of the last window.")
@click.option("--every", metavar="LENGTH", help="Length of each, such as 1h [default: the config's window.last].")
@click.option("--diagnose", "diagnosing", is_flag=True, help="Search for incidents and their causes too.")
@common_options
def backfill(config: str, start: str, end: str, every: str | None, diagnosing: bool, common: Common) -> int:
    """Replay each window between two times that has no complete run, in one Spark session; print a verdict for each.

    The output is named by the window. Complete windows are skipped, broken ones go on from where they stopped, and what
    ends one does not keep the next from being replayed. Exits with the largest code of all windows: 4 where a run
    failed, before 3, 2, 1 and 0.
    """
    from replay.flows.backfill import BackfillPlan, run_plan, to_length, to_moment
    from replay.report.backfilled import Backfill
    from replay.report.terminal.progress import make_progress

    plan = BackfillPlan(config, to_moment(start), to_moment(end), to_length(every), common.overrides, common.output)
    said = _Said(common, Backfill.of((), len(plan.configs)))

    def replay_one(window: ReplayConfig, progress: Progress) -> RunResult:
        result = replay_loaded(window, common, progress, diagnosed=diagnosing, told=said.interrupted)
        tell_interrupt(said.interrupted)
        return result

    tell_interrupt(said.interrupted)
    try:
        run_plan(
            plan,
            replay_one,
            new_progress=lambda: make_progress(quiet=common.quiet),
            options=common.options(),
            overwrite=common.overwrite,
            diagnosing=diagnosing,
            done=said.done,
        )
    finally:
        said.say()
    return said.so_far.exit_code


class _Said:
    """The table of what was done: said once, also where a signal ends the process.

    Args:
        common: The shared options.
        so_far: What is done before the first window.
    """

    def __init__(self, common: Common, so_far: Backfill) -> None:
        self._common = common
        self.so_far = so_far
        self._saying = threading.Lock()
        self._said = False

    def done(self, so_far: Backfill) -> None:
        """Note what was done so far."""
        self.so_far = so_far

    def interrupted(self, _code: int) -> None:
        """Say it where a signal came."""
        self.say()

    def say(self) -> None:
        """Print the table, or the same as JSON."""
        with self._saying:
            if not self._said:
                self._said = True
                self._print()

    def _print(self) -> None:
        if self._common.as_json:
            echo_json(self.so_far.to_dict())
        elif not self._common.quiet:
            from replay.report.terminal.backfill import render_backfill

            echo(render_backfill(self.so_far), nl=False)
