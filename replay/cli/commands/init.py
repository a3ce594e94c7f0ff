"""``replay init``."""

from __future__ import annotations

from pathlib import Path

import click

from replay.cli.help import Command
from replay.cli.options import Common, a_factory, an_operator, parse_conf
from replay.errors import EXIT_OK, UsageError


@click.command(
    cls=Command,
    short_help="Draft a config from a table and a checkpoint.",
    examples=(
        (
            "draft replay.yaml from a table and a checkpoint",
            "replay init --traffic data/traffic --checkpoint ckpt/prod.pt2",
        ),
        (
            "weights alone: name the function that builds the module",
            "replay init --traffic data/traffic --checkpoint ckpt/prod.pt --factory my_models.py:build -o prod.yaml",
        ),
    ),
)
@click.option("--traffic", required=True, metavar="PATH", help="Parquet or Delta directory of logged traffic.")
@click.option("--checkpoint", required=True, type=click.Path(), help="A checkpoint that scored it.")
@click.option("-o", "--output", "target", default="replay.yaml", show_default=True, help="File to write.")
@click.option(
    "--factory", callback=a_factory, metavar="MODULE:FUNCTION", help="What builds the module, for weights alone."
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--master", metavar="URL", help="Spark master.")
@click.option("--conf", multiple=True, metavar="KEY=VALUE", help="A Spark setting; give it once per setting.")
@click.option("--allow-pickle", is_flag=True, help="Accept a pickled module.")
@click.option(
    "--allow-operator",
    multiple=True,
    callback=an_operator,
    metavar="LIBRARY.NAME",
    help="An operator of a library that the file may call; give it once per operator.",
)
def init(
    traffic: str,
    checkpoint: str,
    target: str,
    factory: str | None,
    overwrite: bool,
    master: str | None,
    conf: tuple[str, ...],
    allow_pickle: bool,
    allow_operator: tuple[str, ...],
) -> int:
    """Draft a config from the table's schema and the checkpoint's signature."""
    from replay.config import CheckpointConfig
    from replay.flows.draft import draft_config

    if Path(target).exists() and not overwrite:
        raise UsageError(f"{target} exists: give another -o, or --overwrite to replace it")
    common = Common(master=master, conf=parse_conf(conf), allow_pickle=allow_pickle)
    entry = CheckpointConfig(path=checkpoint, factory=factory, operators=allow_operator)
    text = draft_config(traffic, entry, target=target, options=common.options())
    Path(target).write_text(text, encoding="utf-8")
    click.echo(f"wrote {target}; check what it guessed, then: replay validate {target}")
    return EXIT_OK
