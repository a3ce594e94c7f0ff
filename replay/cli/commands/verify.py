"""``replay verify``."""

from __future__ import annotations

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import Common, common_options
from replay.cli.replays import refuse_file
from replay.errors import EXIT_GATE_FAILED, EXIT_OK


@click.command(
    cls=Command,
    short_help="Replay the cause of an incident, and say whether it holds.",
    examples=(
        ("the first cause of the first incident, over the whole window", "replay verify out"),
        ("the second cause of the third incident", "replay verify out --incident 3 --cause 2"),
        ("the same for a program, the results in a directory of its own", "replay verify out --json --output checked"),
    ),
)
@click.argument("found_in", metavar="OUTPUT", type=click.Path())
@click.option("--incident", default=1, show_default=True, help="Number of the incident, as the report has it.")
@click.option("--cause", default=1, show_default=True, help="Number of the cause among the incident's.")
@common_options
def verify(found_in: str, incident: int, cause: int, common: Common) -> int:
    """Replay a cause that `diagnose` named over the whole window, and say whether it holds.

    OUTPUT is that of the run that found it, which stays as it is: verify-1.yaml in it is what is replayed, and verify-1
    is where the results go. Exits with 1 where the cause does not hold: where a smaller share of the mismatched rows
    agrees than the 95% interval of the diagnosis allows.
    """
    refuse_file(found_in)
    from replay.report.terminal.progress import make_progress

    with make_progress(quiet=common.quiet) as progress:
        progress.stage("reading the run")
        from replay.flows.verify import verify as verify_cause

        result = verify_cause(
            found_in,
            incident=incident,
            cause=cause,
            overrides=common.overrides,
            output=common.output,
            overwrite=common.overwrite,
            options=common.options(),
            progress=progress,
        )
    found = result.summary.verification
    assert found is not None
    from replay.report.terminal.render import render_verification

    if common.as_json:
        echo_json(result.summary.to_dict())
    elif not common.quiet:
        echo(render_verification(result.data, result.report_path), nl=False)
    return EXIT_OK if found.check.holds else EXIT_GATE_FAILED
