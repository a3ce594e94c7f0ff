"""``replay inspect``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import an_operator
from replay.errors import EXIT_OK, EXIT_REFUSED
from replay.errors.printable import printable, shortened

if TYPE_CHECKING:
    from replay.checkpoints import Inspection
    from replay.checkpoints.checkpoint import TensorSpec
    from replay.checkpoints.inspection import EmbeddedPickle

_Entry = TypeVar("_Entry")

_SHOWN = 20
"""Tensors, pickles and the like, of each kind."""
_COLUMNS = 1000


@click.command(
    cls=Command,
    short_help="Say what a checkpoint is; runs none of it.",
    examples=(
        ("format, hash, signature, and what opening it would run", "replay inspect ckpt/prod.pt2"),
        ("all that is known, for a program", "replay inspect ckpt/prod.pt2 --json"),
    ),
)
@click.argument("checkpoint", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.option("--allow-pickle", is_flag=True, help="Judge as a run with --allow-pickle would.")
@click.option("--allow-non-finite", is_flag=True, help="Judge as a run with --allow-non-finite would.")
@click.option(
    "--allow-operator",
    multiple=True,
    callback=an_operator,
    metavar="LIBRARY.NAME",
    help="Judge as `operators: [LIBRARY.NAME]` would; give it once per operator.",
)
def inspect(
    checkpoint: str, as_json: bool, allow_pickle: bool, allow_non_finite: bool, allow_operator: tuple[str, ...]
) -> int:
    """Say what a checkpoint is and what opening it would run; runs none of it."""
    from replay.checkpoints import inspect_checkpoint

    inspection = inspect_checkpoint(
        checkpoint, operators=allow_operator, allow_pickle=allow_pickle, allow_non_finite=allow_non_finite
    )
    if as_json:
        echo_json(inspection.to_dict())
    else:
        echo(render_inspection(inspection))
    return EXIT_REFUSED if inspection.verdict == "refused" else EXIT_OK


def render_inspection(inspection: Inspection) -> str:
    """Render what is known of a checkpoint, for a person."""
    return "\n".join(shortened(printable(line), _COLUMNS) for line in _lines(inspection))


def _lines(inspection: Inspection) -> Iterator[str]:
    yield inspection.path
    yield f"  verdict     {inspection.verdict}"
    if inspection.reason:
        yield f"  because     {inspection.reason}"
    yield f"  format      {inspection.format or 'unknown'}"
    if inspection.sha256:
        yield f"  sha256      {inspection.sha256}"
    files = len(inspection.files)
    yield f"  size        {inspection.size:,} bytes in {files} file{'s' if files != 1 else ''}"
    if inspection.tensors:
        by_dtype = ", ".join(f"{count:,} {dtype}" for dtype, count in inspection.parameters_by_dtype)
        yield f"  parameters  {inspection.parameters:,} ({by_dtype})"
    if inspection.signature is not None:
        yield f"  takes       {_specs(inspection.signature.inputs)}"
        yield f"  answers     {_specs(inspection.signature.outputs)}"
    yield from _findings(inspection)
    if inspection.shared_prefix:
        names = f"all names begin with {inspection.shared_prefix}"
        yield f"  prefix      {names}: it is left out where the factory's module has the names without it"
    yield from _some("tensor", inspection.tensors, lambda each: f"{each.name} {each.dtype} {tuple(each.shape)}")


def _findings(inspection: Inspection) -> Iterator[str]:
    yield from _some("not finite", inspection.non_finite, lambda each: f"{each[1]:,} values in {each[0]}")
    yield from _some("would run", inspection.executes, str)
    yield from _some("set aside", inspection.set_aside, str)
    yield from _some("pickle", inspection.pickles, _pickle)


def _some(label: str, entries: Sequence[_Entry], text: Callable[[_Entry], str]) -> Iterator[str]:
    """A line for each of the first entries, and one for how many more there are."""
    for entry in entries[:_SHOWN]:
        yield f"  {label:<10}  {text(entry)}"
    if len(entries) > _SHOWN:
        yield f"              and {len(entries) - _SHOWN} more (--json lists all)"


def _pickle(pickle: EmbeddedPickle) -> str:
    unusual = [name for name in pickle.globals if name not in pickle.read]
    named = f"; of others: {', '.join(unusual)}" if unusual else ""
    return f"{pickle.place}: {len(pickle.globals)} globals{named}"


def _specs(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(_spec(spec) for spec in specs) or "nothing that the file describes"


def _spec(spec: TensorSpec) -> str:
    shape = "" if spec.shape is None else f"({', '.join(map(str, spec.shape))})"
    return " ".join(part for part in (spec.name, spec.dtype or "", shape) if part)
