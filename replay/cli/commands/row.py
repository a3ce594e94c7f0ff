"""``replay row``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, common_options, is_output
from replay.cli.replays import looking
from replay.errors import EXIT_OK, UsageError
from replay.spark.faststart.garbage import no_collection

if TYPE_CHECKING:
    from replay.config import ReplayConfig
    from replay.flows.row import ExplainedRow


@click.command(
    cls=Command,
    short_help="Follow one row end to end.",
    examples=(
        (
            "the key is two columns: give --key once for each",
            "replay row replay.yaml --key request_id=r1 --key item_id=7",
        ),
        (
            "a row of a finished run, under the cause of its incident too",
            "replay row out --key request_id=r1 --key item_id=7",
        ),
        ("the same for a program", "replay row replay.yaml --key request_id=r1 --key item_id=7 --json"),
    ),
)
@click.argument("target", metavar="CONFIG|OUTPUT", type=ConfigPath())
@click.option(
    *("--key", "keys"),
    multiple=True,
    required=True,
    metavar="COLUMN=VALUE",
    help="The row; give it once per key column: --key request_id=r1 --key item_id=7.",
)
@common_options
def row(target: str, keys: tuple[str, ...], common: Common) -> int:
    """Follow one row end to end: logged features, tensors, online and replayed scores.

    Of a finished run, given by its OUTPUT, also the score under the cause of the incident that holds the row.
    """
    key, options = parse_keys(keys), common.options()
    if is_output(target):
        explained = _row_of_output(target, key, common)
    else:
        with looking(target, common, lambda loaded: _check_key(loaded, key)) as (loaded, progress):
            with no_collection():
                from replay.flows.row import explain_row
            explained = explain_row(loaded, key, options=options, progress=progress)
    if common.as_json:
        echo_json(explained.to_dict())
    else:
        echo(explained.render())
    return EXIT_OK


def parse_keys(given: Sequence[str]) -> dict[str, Any]:
    r"""Values by key column: ``COLUMN=VALUE`` each, or a JSON object of several.

    >>> parse_keys(["item=a=b", '{"request": "two\\nlines"}'])
    {'item': 'a=b', 'request': 'two\nlines'}

    Raises:
        UsageError: It is neither.
    """
    key: dict[str, Any] = {}
    for text in given:
        parsed = _parse_object(text)
        name, equals, value = text.partition("=")
        if parsed is None and not (equals and name):
            raise UsageError(f"--key {text!r}: expected COLUMN=VALUE, such as request_id=r-17")
        key |= {name: value} if parsed is None else parsed
    return key


def _parse_object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _row_of_output(output: str, key: dict[str, Any], common: Common) -> ExplainedRow:
    from replay.report.terminal.progress import make_progress

    with make_progress(quiet=common.quiet) as progress:
        progress.stage("reading the run")
        with no_collection():
            from replay.flows.finished.opened import open_finished
            from replay.flows.row import explain_row_of
        options = common.options()
        return explain_row_of(
            open_finished(output), key, overrides=common.overrides, options=options, progress=progress
        )


def _check_key(config: ReplayConfig, key: dict[str, Any]) -> None:
    from replay.flows.early import check_key

    check_key(config, key)
