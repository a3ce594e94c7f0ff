"""``replay diagnose``."""

from __future__ import annotations

import click

from replay.cli.options import Common, common_options
from replay.cli.replays import gates_exit_code, print_report, replay_config


@click.command()
@click.argument("config", type=click.Path())
@click.option("--budget", type=click.IntRange(min=1), help="Rows scored in the search of one incident's causes.")
@common_options
def diagnose(config: str, budget: int | None, common: Common) -> int:
    """Replay, find the incidents, and test the causes of each by counterfactual replay.

    Exits with 1 where a gate of the config does not pass.
    """
    overrides = () if budget is None else (f"diagnosis.budget={budget}",)
    result = replay_config(config, common, *overrides, diagnosed=True)
    print_report(result.data, result.report_path, common)
    return gates_exit_code(result.data)
