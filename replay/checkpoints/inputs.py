"""What can be said before anything runs: whether the config's inputs are what the checkpoint says it takes."""

from __future__ import annotations

from collections.abc import Iterator

from replay.checkpoints.checkpoint import Checkpoint, Signature, TensorSpec
from replay.checkpoints.format import FORMATS, InputNames
from replay.checkpoints.safety.storages import DTYPES
from replay.checkpoints.scorers.calling import Arguments
from replay.config.names import is_glob
from replay.config.sections.model.combined import contract_path
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import EXIT_REFUSED, Problem


def check_inputs(checkpoint: Checkpoint, model: ModelConfig) -> list[Problem]:
    """Compare the config's inputs with a checkpoint's signature.

    Weights alone have none: their module is compared when it is built. Batch sizes are no problem: batches are cut and
    padded to what a checkpoint takes.

    Returns:
        Every problem: wrong names, too many or too few, wrong dtype, rank or size. Empty if all is well, as far as it
        can be told.
    """
    if checkpoint.signature is None or not checkpoint.signature.inputs:
        return []
    model = checkpoint.contract(model)
    path = contract_path(checkpoint.config.owner)
    problems = list(_argument_problems(checkpoint, checkpoint.signature, model))
    if not problems:
        for index, spec in _matched(checkpoint, checkpoint.signature, model):
            problems.extend(_tensor_problems(model, index, spec))
    return [
        Problem(
            f"checkpoint {checkpoint.name!r}: {message}",
            path=f"{path}.inputs" if index is None else f"{path}.inputs[{index}]{f'.{key}' if key else ''}",
            exit_code=EXIT_REFUSED,
        )
        for index, key, message in problems
    ]


_Found = tuple[int | None, str, str]


def _argument_problems(checkpoint: Checkpoint, signature: Signature, model: ModelConfig) -> Iterator[_Found]:
    names = tuple(spec.name for spec in signature.inputs)
    kind = FORMATS[checkpoint.format].input_names
    if kind is InputNames.FLATTENED:
        yield from _flattened_problems(names, model)
        return
    required = frozenset() if kind is InputNames.OPTIONAL else frozenset(names)
    by_name = kind is InputNames.GRAPH and model.call == "dict"
    contract = model.model_copy(update={"call": "keyword"}) if by_name else model
    for index, message in Arguments(names, names, required).problems(contract):
        yield index, "" if index is None else "name", message


def _flattened_problems(names: tuple[str, ...], model: ModelConfig) -> Iterator[_Found]:
    """Tensors of a dict are named after the argument and the key: ``features_dense``."""
    given = [entry.name for entry in model.inputs]
    if model.call == "keyword" and len(names) == len(given):
        for index, message in Arguments(names, names, frozenset()).problems(model):
            yield index, "" if index is None else "name", message
    elif len(names) != len(given):
        yield (
            None,
            "",
            f"the config gives {len(given)} inputs ({', '.join(given)}), it takes {len(names)}: {', '.join(names)}",
        )


def _matched(checkpoint: Checkpoint, signature: Signature, model: ModelConfig) -> Iterator[tuple[int, TensorSpec]]:
    """The spec of each input, where it is certain."""
    if model.call == "positional":
        yield from enumerate(signature.inputs[: len(model.inputs)])
        return
    by_name = model.call == "keyword" or FORMATS[checkpoint.format].input_names is InputNames.GRAPH
    for index, entry in enumerate(model.inputs):
        ends = entry.name if by_name else f"_{entry.name}"
        found = [spec for spec in signature.inputs if spec.name == entry.name or spec.name.endswith(f"_{entry.name}")]
        exact = [spec for spec in found if spec.name == ends] or found
        if len(exact) == 1:
            yield index, exact[0]


def _tensor_problems(model: ModelConfig, index: int, spec: TensorSpec) -> Iterator[_Found]:
    entry = model.inputs[index]
    if spec.dtype in (*DTYPES, "string") and spec.dtype != entry.dtype:
        yield index, "dtype", f"input `{entry.name}` is {entry.dtype}, it takes {spec.dtype}: set `dtype: {spec.dtype}`"
    shape = _shape(entry, model)
    if spec.shape is None or shape is None:
        return
    given = ("batch", *shape)
    expected = ("batch", *spec.shape[1:])
    sizes = zip(given[1:], expected[1:], strict=False)
    if len(given) != len(spec.shape) or any(_differ(one, other) for one, other in sizes):
        yield (
            index,
            "",
            f"input `{entry.name}` is {_shown(given)}, it takes {_shown(expected)}{_hint(entry, given, expected)}",
        )


def _hint(entry: Input, given: tuple[int | str, ...], expected: tuple[int | str, ...]) -> str:
    if len(given) == 1 and len(expected) == 2 and expected[1] == 1:
        return f": `features: [{entry.feature}]` stacks a column to (batch, 1)"
    if len(expected) == 1 and given[1:] == (1,) and entry.features:
        return f": `feature: {entry.features[0]}` keeps a column's own shape"
    return ""


def _shape(entry: Input, model: ModelConfig) -> tuple[int | str, ...] | None:
    """An input's shape after its first dimension, as far as the config alone says; None where the column decides."""
    if entry.ragged is not None or entry.offsets_of is not None or entry.lengths_of is not None:
        return ()
    if entry.shape:
        return entry.shape
    if entry.features:
        return ("n",) if any(is_glob(name) for name in entry.features) else (len(entry.features),)
    if entry.mask_of is not None:
        return _shape(next(other for other in model.inputs if other.name == entry.mask_of), model)
    if entry.length is not None:
        return (entry.length,)
    return ("longest",) if entry.pad is not None else None


def _differ(one: int | str, other: int | str) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one != other


def _shown(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
