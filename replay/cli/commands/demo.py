"""``replay demo``."""

from __future__ import annotations

from pathlib import Path

import click

from replay.cli.help import Command
from replay.cli.options import Common, common_options
from replay.cli.replays import gates_exit_code, print_report, replay_config
from replay.errors import UsageError
from replay.spark.installed.versions import spark_release
from replay.spark.java import java_problem


@click.command(
    cls=Command,
    short_help="Build a small real case with an incident, and run it.",
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
    """Build a small real case with an incident in it, run it, and say where the report is."""
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
    print_report(result.data, result.report_path, common)
    return gates_exit_code(result.data)
