"""``replay row``."""

from __future__ import annotations

import click

from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, common_options, echo_json, parse_conf
from replay.errors import EXIT_OK


@click.command(
    cls=Command,
    short_help="Follow one row end to end.",
    examples=(
        (
            "the key is two columns: give --key once for each",
            "replay row replay.yaml --key request_id=r1 --key item_id=7",
        ),
        ("the same for a program", "replay row replay.yaml --key request_id=r1 --key item_id=7 --json"),
    ),
)
@click.argument("config", type=ConfigPath())
@click.option(
    *("--key", "keys"),
    multiple=True,
    required=True,
    metavar="COLUMN=VALUE",
    help="The row; give it once per key column: --key request_id=r1 --key item_id=7.",
)
@common_options
def row(config: str, keys: tuple[str, ...], common: Common) -> int:
    """Follow one row end to end: logged features, tensors, online and replayed scores."""
    from replay.flows.row import explain_row

    explained = explain_row(common.load(config), parse_conf(keys), options=common.options())
    if common.as_json:
        echo_json(explained.to_dict())
    else:
        click.echo(explained.render())
    return EXIT_OK
