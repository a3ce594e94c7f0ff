"""``replay demo``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import Common, common_options
from replay.cli.replays import attempt_of, gates_exit_code, loading, print_report, replay_config, start_spark
from replay.errors import UsageError
from replay.spark.installed.versions import spark_release
from replay.spark.java import java_problem

if TYPE_CHECKING:
    from replay.flows.finished.result import RunResult


@click.command(
    cls=Command,
    short_help="Build a small real case, and find what is wrong in it.",
    examples=(
        ("200,000 rows of ranking traffic with three bad minutes, in ./replay-demo", "replay demo"),
        ("a smaller case with other random choices, elsewhere", "replay demo /tmp/demo --rows 20000 --seed 7"),
    ),
)
@click.argument("directory", default="replay-demo", type=click.Path())
@click.option("--rows", default=200_000, show_default=True, type=click.IntRange(min=1_000), help="Rows of traffic.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything that is made up.")
@common_options
def demo(directory: str, rows: int, seed: int, common: Common) -> int:
    """Build a small real case, diagnose its incident, audit a table of features, and say where the reports are."""
    # Before half a minute goes into building it.
    spark_release()
    problem = java_problem()
    if problem is not None:
        raise UsageError(problem)
    from replay.demo import build

    if not common.quiet:
        click.echo(f"making {rows:,} rows of traffic and training a model in {directory} ...", err=True)
    paths = build(Path(directory), rows=rows, seed=seed)
    result = replay_config(str(paths.config), common, diagnosed=True)
    if not common.as_json:
        print_report(result.data, result.report_path, common)
    audited = _audit(paths.config, f"{common.output or paths.output}-audit", common)
    if common.as_json:
        echo_json(replace(result.summary, audits=audited.summary.audits).to_dict())
    return gates_exit_code(result.data)


def _audit(config: Path, output: str, common: Common) -> RunResult:
    """Audit the other table into an output beside that of the diagnosis, as the command that it prints would."""
    beside = replace(common, output=output)
    prints = not (common.quiet or common.as_json)
    if prints:
        echo(f"\n$ {shlex.join(['replay', 'audit', str(config), '--output', output])}")
    with (
        loading(str(config), beside, to_run=True) as (loaded, progress),
        attempt_of(loaded, beside, lambda _: None, auditing=True),
    ):
        from replay.flows.audit.run import audit_tables

        start_spark(loaded, beside, progress)
        result = audit_tables(loaded, (), beside.options(), progress, overwrite=beside.overwrite)
    if prints:
        from replay.report.terminal.render import render_audits

        echo(render_audits(result.summary, result.report_path), nl=False)
    return result
