"""``replay diagnose``."""

from __future__ import annotations

import click

from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, bad_rows_option, bad_rows_override, common_options
from replay.cli.replays import gates_exit_code, print_report, replay_config


@click.command(
    cls=Command,
    short_help="The same, and find incidents and their causes.",
    examples=(
        ("find the incidents and what explains them", "replay diagnose replay.yaml"),
        (
            "one evening alone, into a directory of its own",
            "replay diagnose replay.yaml --set traffic.window.start=2026-11-20T18:00:00Z --output out-18",
        ),
        ("search longer for the causes of each incident", "replay diagnose replay.yaml --budget 2000000"),
    ),
)
@click.argument("config", type=ConfigPath())
@click.option("--budget", type=click.IntRange(min=1), help="Rows scored in the search of one incident's causes.")
@bad_rows_option
@common_options
def diagnose(config: str, budget: int | None, max_bad_rows: int | None, common: Common) -> int:
    """Replay, find the incidents, and test the causes of each by counterfactual replay.

    Exits with 1 where a gate of the config does not pass, and with 3 where too many rows are rejected or none could be
    compared with online.
    """
    overrides = () if budget is None else (f"diagnosis.budget={budget}",)
    overrides = (*overrides, *bad_rows_override(max_bad_rows))
    result = replay_config(config, common, *overrides, diagnosed=True)
    print_report(result.data, result.report_path, common)
    return gates_exit_code(result.data)
