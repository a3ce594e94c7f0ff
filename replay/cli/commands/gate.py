"""``replay gate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, bad_rows_option, bad_rows_override, common_options, is_output
from replay.cli.replays import gates_exit_code, replay_config
from replay.errors import EXIT_OK, UsageError
from replay.errors.printable import printable
from replay.errors.secrets import redacted

if TYPE_CHECKING:
    from replay.config import AnyGate
    from replay.report.run_verdict import RunVerdict
    from replay.report.summary.data import ReportData


@click.command(
    cls=Command,
    short_help="Judge the gates of a config, or of a finished run.",
    examples=(
        ("replay if needed, and judge every gate of the config", "replay gate replay.yaml"),
        ("judge a finished run again, for a CI system", "replay gate out --junit gates.xml"),
        (
            "see the verdicts of a candidate without failing the job",
            "replay gate replay.yaml --set checkpoints.candidate.path=ckpt/new.pt2 --dry-run",
        ),
    ),
)
@click.argument("target", metavar="CONFIG|OUTPUT", type=ConfigPath())
@click.option("--junit", metavar="FILE", type=click.Path(), help="Write the verdicts as JUnit XML too.")
@click.option("--dry-run", is_flag=True, help="Report the verdicts, and exit with 0 whatever they are.")
@bad_rows_option
@common_options
def gate(target: str, junit: str | None, dry_run: bool, max_bad_rows: int | None, common: Common) -> int:
    """Check the gates of a config, or of a finished run, and print a verdict for each; runs if needed.

    Exits with 1 where a gate fails or cannot be judged, and with 3 where too many rows are rejected or none could be
    compared with online. For an OUTPUT whose last run was refused, failed or was interrupted, with that run's code.
    """
    from replay.report.words.gates import render_junit

    if junit is not None:
        _prepare_file(Path(junit))
    if is_output(target):
        _refuse_run_options(target, common, max_bad_rows)
        from replay.flows.finished.judge import ended_verdict, judge_output

        ended = ended_verdict(target, common.options())
        if ended is not None:
            return _show_ended(ended, junit, common)
        data = judge_output(target, common.options())
    else:
        _require_gates(target, common.load_to_run(target).gates)
        data = replay_config(target, common, *bad_rows_override(max_bad_rows)).data
    if junit is not None:
        Path(junit).write_text(redacted(render_junit(data.summary.gates)), encoding="utf-8")
    if common.as_json:
        echo_json(data.summary.to_dict())
    elif not common.quiet:
        _show_verdicts(data)
    return EXIT_OK if dry_run else gates_exit_code(data)


def _show_verdicts(data: ReportData) -> None:
    """Print a verdict for each gate; of a run without any what it found."""
    from replay.report.terminal.render import render_gates
    from replay.report.verdict import judge

    if data.summary.gates:
        echo(render_gates(data.summary), nl=False)
    else:
        echo(f"no gates: {printable(judge(data).headline)}")


def _show_ended(verdict: RunVerdict, junit: str | None, common: Common) -> int:
    """Print how a run ended that did not come to its end; its exit code."""
    from replay.report.words.gates import render_junit

    if junit is not None:
        Path(junit).write_text(render_junit((), ended=verdict.headline), encoding="utf-8")
    if common.as_json:
        echo_json(verdict.to_dict())
    elif not common.quiet:
        echo(f"{verdict.status}: {printable(verdict.headline)}")
    return verdict.exit_code


def _prepare_file(file: Path) -> None:
    """Make a file's directory: an error before a long run, not after it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--junit {file}: its directory cannot be made: {error.strerror}") from error
    if file.is_dir():
        raise UsageError(f"--junit {file}: found a directory, expected a file to write")


def _refuse_run_options(output: str, common: Common, max_bad_rows: int | None) -> None:
    options = {"--set": common.overrides, "--output": common.output, "--overwrite": common.overwrite}
    given = [name for name, value in options.items() if value]
    given += [] if max_bad_rows is None else ["--max-bad-rows"]
    if given:
        raise UsageError(
            f"{output} is a finished run, which {' and '.join(given)} cannot change: give the CONFIG instead; what is "
            "scored already is not scored again"
        )


def _require_gates(target: str, gates: Sequence[AnyGate]) -> None:
    from replay.config import AuditGate

    if gates and all(isinstance(gate, AuditGate) for gate in gates):
        raise UsageError(f"{target} has `gates` on audits alone, which `replay audit` judges: add one on a variant")
    if not gates:
        raise UsageError(
            f"{target} has no `gates`: add a limit to judge, such as "
            "{variant: prod, against: online, metric: mismatch_rate, max: 0.001}"
        )
