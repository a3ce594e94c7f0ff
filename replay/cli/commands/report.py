"""``replay report``."""

from __future__ import annotations

import click

from replay.cli.help import Command
from replay.cli.options import Common
from replay.cli.replays import print_report, refuse_file
from replay.errors import EXIT_OK


@click.command(
    cls=Command,
    short_help="Render again what a run wrote.",
    examples=(
        ("print the summary and write report.html again", "replay report out"),
        ("the summary for a program", "replay report out --json"),
    ),
)
@click.argument("output", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="The summary on stdout.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def report(output: str, as_json: bool, quiet: bool) -> int:
    """Render again what a run wrote."""
    refuse_file(output)
    from replay.flows.render_again import render_again

    data, path = render_again(output)
    print_report(data, path, Common(quiet=quiet, as_json=as_json))
    return EXIT_OK
