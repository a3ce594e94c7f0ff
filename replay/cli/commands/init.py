"""``replay init``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from replay.cli.answers import echo
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
        (
            "a factory that takes arguments",
            "replay init --traffic log --checkpoint prod.pt --factory my_models.py:build --kwargs '{dim: 16}'",
        ),
    ),
)
@click.option("--traffic", required=True, metavar="PATH", help="Logged traffic: Parquet, Delta, or catalog.db.table.")
@click.option("--checkpoint", required=True, type=click.Path(), help="A checkpoint that scored it.")
@click.option("-o", "--output", "target", default="replay.yaml", show_default=True, help="File to write.")
@click.option(
    "--factory",
    callback=a_factory,
    metavar="MODULE:FUNCTION",
    help="What builds the module, for weights alone; it runs.",
)
@click.option("--kwargs", metavar="YAML", help="Arguments of the factory: '{dim: 16}'.")
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
    kwargs: str | None,
    overwrite: bool,
    master: str | None,
    conf: tuple[str, ...],
    allow_pickle: bool,
    allow_operator: tuple[str, ...],
) -> int:
    """Draft a config from logged rows and from what the checkpoint says or shows of itself."""
    if Path(target).exists() and not overwrite:
        raise UsageError(f"{target} exists: give another -o, or --overwrite to replace it")
    folder = Path(target).absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{target}: there is no directory {folder}: make it, or give another -o")
    arguments = _mapping(kwargs)
    if arguments and factory is None:
        raise UsageError("--kwargs are the arguments of a factory: give --factory too")
    from replay.report.terminal.progress import make_progress
    from replay.report.words.commands import file_argument

    with make_progress() as progress:
        progress.stage("loading the library")
        from replay.config import CheckpointConfig
        from replay.flows.draft import draft_config

        common = Common(master=master, conf=parse_conf(conf), allow_pickle=allow_pickle)
        entry = CheckpointConfig(path=checkpoint, factory=factory, kwargs=arguments, operators=allow_operator)
        drafted = draft_config(traffic, entry, target=target, options=common.options(), say=progress.stage)
    Path(target).write_text(drafted.text, encoding="utf-8")
    echo(drafted.render())
    click.echo(f"\nwrote {target}; next: replay validate {file_argument(target)}")
    return EXIT_OK


def _mapping(kwargs: str | None) -> dict[str, Any]:
    import yaml

    try:
        given = yaml.safe_load(kwargs) if kwargs else {}
    except yaml.YAMLError as error:
        raise UsageError(f"--kwargs {kwargs} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict):
        raise UsageError(f"--kwargs {kwargs}: expected a mapping, such as '{{dim: 16}}'")
    return given
