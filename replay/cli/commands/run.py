"""``replay run``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, bad_rows_option, bad_rows_override, common_options
from replay.cli.replays import gates_exit_code, print_report, replay_config
from replay.errors import UsageError


@click.command(
    cls=Command,
    short_help="Score every variant, compare, measure, report.",
    examples=(
        ("score, compare, measure; the report is at the end of what is printed", "replay run replay.yaml"),
        (
            "another checkpoint, into another directory",
            "replay run replay.yaml --set checkpoints.prod.path=ckpt/new.pt2 --output out-new",
        ),
        (
            "every pairing of the versions of two modules, oldest first",
            "replay run replay.yaml --skew-matrix user_tower=v1,v2 item_tower=v1,v2",
        ),
    ),
)
@click.argument("config", type=ConfigPath())
@click.argument("modules", nargs=-1, metavar="[MODULE=CHECKPOINT,CHECKPOINT ...]")
@click.option(
    "--skew-matrix", is_flag=True, help="Replay every pairing of module versions, given as MODULE=A,B or by the config."
)
@click.option("--sensitivity", is_flag=True, help="Replay with each family null in turn, and rank the families.")
@bad_rows_option
@common_options
def run(
    config: str,
    modules: tuple[str, ...],
    skew_matrix: bool,
    sensitivity: bool,
    max_bad_rows: int | None,
    common: Common,
) -> int:
    """Score every variant, diff against online, measure, and write tables, summary.json and report.html.

    Exits with 1 where a gate of the config does not pass, and with 3 where too many rows are rejected or none could be
    compared with online.
    """
    config, modules = _config_and_modules((config, *modules))
    overrides = skew_overrides(modules, skew_matrix=skew_matrix)
    overrides = (*overrides, *bad_rows_override(max_bad_rows))
    if sensitivity:
        overrides = (*overrides, "sensitivity=true")
    if skew_matrix and not modules and common.load(config).skew_matrix is None:
        raise UsageError(
            f"{config} has no `skew_matrix`: expected such a section, or modules after --skew-matrix, such as "
            "query_tower=v1,v2 item_tower=v1,v2"
        )
    result = replay_config(config, common, *overrides)
    print_report(result.data, result.report_path, common)
    return gates_exit_code(result.data)


def _config_and_modules(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The config, and the modules of a skew matrix, in whatever order they were given."""
    files = [argument for argument in arguments if "=" not in argument or Path(argument).is_file()]
    if len(files) != 1:
        listed = ", ".join(files) if files else "none"
        raise UsageError(f"expected one CONFIG and, with --skew-matrix, MODULE=CHECKPOINT,...: found {listed}")
    return files[0], tuple(argument for argument in arguments if argument != files[0])


def skew_overrides(modules: tuple[str, ...], *, skew_matrix: bool) -> tuple[str, ...]:
    """The ``--set`` expression of ``--skew-matrix MODULE=CHECKPOINT,CHECKPOINT ...``.

    >>> skew_overrides(("query_tower=v1,v2", "item_tower=v1"), skew_matrix=True)
    ('skew_matrix.modules={"query_tower": ["v1", "v2"], "item_tower": ["v1"]}',)

    >>> skew_overrides((), skew_matrix=True)  # the config's own section
    ()

    Raises:
        UsageError: Modules without the flag, only one, or one given twice.
    """
    if not modules:
        return ()
    pairs = [module.partition("=") for module in modules]
    versions = {name: [each for each in given.split(",") if each] for name, _, given in pairs}
    if not skew_matrix or len(versions) < 2 or len(versions) != len(modules) or not all(versions.values()):
        raise UsageError(
            f"found {' '.join(modules)}, expected two modules or more, each once, such as "
            "--skew-matrix query_tower=v1,v2 item_tower=v1,v2"
        )
    return (f"skew_matrix.modules={json.dumps(versions)}",)
