"""``replay validate``."""

from __future__ import annotations

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, common_options
from replay.cli.replays import looking
from replay.errors import EXIT_OK, EXIT_REFUSED
from replay.spark.faststart.garbage import no_collection


@click.command(
    cls=Command,
    short_help="Check config, table and checkpoints before a run.",
    examples=(
        ("every problem at once, before a long run", "replay validate replay.yaml"),
        ("with a key of it set otherwise", "replay validate replay.yaml --set model.output.transform=sigmoid"),
    ),
)
@click.argument("config", type=ConfigPath())
@common_options
def validate(config: str, common: Common) -> int:
    """Check config, table schema, keys and checkpoints, and rehearse with a few thousand rows; print every problem.

    Exits with 3 where more rows break the model's contract than `engine.max_rejected` allows.
    """
    with looking(config, common) as (loaded, progress):
        with no_collection():
            from replay.flows.validate import validate as validate_config
        checked = validate_config(loaded, options=common.options(), progress=progress)
    if common.as_json:
        echo_json(checked.to_dict())
    elif not common.quiet:
        echo(checked.render(config))
    return EXIT_REFUSED if checked.refused else EXIT_OK
