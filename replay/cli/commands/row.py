"""``replay row``."""

from __future__ import annotations

import click

from replay.cli.options import Common, common_options, echo_json, parse_conf
from replay.errors import EXIT_OK


@click.command()
@click.argument("config", type=click.Path())
@click.option("--key", "keys", multiple=True, required=True, metavar="COLUMN=VALUE", help="One per key column.")
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
