"""``replay inspect`` for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.checkpoints import Inspection
    from replay.checkpoints.checkpoint import TensorSpec

_TENSORS_SHOWN = 20


def render_inspection(found: Inspection) -> str:
    """Render what is known of a checkpoint."""
    return "\n".join(_lines(found))


def _lines(found: Inspection) -> Iterator[str]:
    yield found.path
    yield f"  verdict     {found.verdict}"
    if found.reason:
        yield f"  because     {found.reason}"
    yield f"  format      {found.format or 'unknown'}"
    if found.sha256:
        yield f"  sha256      {found.sha256}"
    yield f"  size        {found.size:,} bytes in {len(found.files)} file{'s' if len(found.files) != 1 else ''}"
    if found.tensors:
        by_dtype = ", ".join(f"{count:,} {dtype}" for dtype, count in found.parameters_by_dtype)
        yield f"  parameters  {found.parameters:,} ({by_dtype})"
    if found.signature is not None:
        yield f"  takes       {_specs(found.signature.inputs)}"
        yield f"  answers     {_specs(found.signature.outputs)}"
    yield from _findings(found)
    for tensor in found.tensors[:_TENSORS_SHOWN]:
        yield f"  tensor      {tensor.name} {tensor.dtype} {tuple(tensor.shape)}"
    if len(found.tensors) > _TENSORS_SHOWN:
        yield f"              and {len(found.tensors) - _TENSORS_SHOWN} more (--json lists all)"


def _findings(found: Inspection) -> Iterator[str]:
    for name, count in found.non_finite:
        yield f"  not finite  {count:,} values in {name}"
    for text in found.executes:
        yield f"  would run   {text}"
    for text in found.set_aside:
        yield f"  set aside   {text}"
    for pickle in found.pickles:
        unusual = [name for name in pickle.globals if name not in pickle.read]
        named = f"; of others: {', '.join(unusual)}" if unusual else ""
        yield f"  pickle      {pickle.place}: {len(pickle.globals)} globals{named}"


def _specs(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(_spec(spec) for spec in specs) or "nothing that the file describes"


def _spec(spec: TensorSpec) -> str:
    shape = "" if spec.shape is None else f"({', '.join(map(str, spec.shape))})"
    return " ".join(part for part in (spec.name, spec.dtype or "", shape) if part)
