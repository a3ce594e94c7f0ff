"""``replay audit``."""

from __future__ import annotations

import click

from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, common_options
from replay.cli.replays import attempt_of, gates_exit_code, loading, print_report, start_spark


@click.command(
    cls=Command,
    short_help="Compare feature tables, and rank what differs by what it costs.",
    examples=(
        ("every audit of the config", "replay audit replay.yaml"),
        ("one of them, into a directory of its own", "replay audit replay.yaml logging --output out-audit"),
        ("for a scheduler: the summary as JSON, the verdict as exit code", "replay audit replay.yaml --json --quiet"),
    ),
)
@click.argument("config", type=ConfigPath())
@click.argument("names", metavar="[NAME]...", nargs=-1)
@common_options
def audit(config: str, names: tuple[str, ...], common: Common) -> int:
    """Compare the traffic's features with other tables, row by row where they are joined.

    Each difference is named by its kind, and costed by a replay of the traffic with the other table's values. Exits
    with 1 where a gate of the config does not pass, and with 3 where a table is refused.
    """
    with (
        loading(config, common, to_run=True) as (loaded, progress),
        attempt_of(loaded, common, lambda _: None, auditing=True),
    ):
        from replay.flows.audit.run import audit_tables, choose_audits

        choose_audits(loaded, names)
        start_spark(loaded, common, progress)
        result = audit_tables(loaded, names, common.options(), progress, overwrite=common.overwrite)
    print_report(result.data, result.report_path, common)
    return gates_exit_code(result.data)
