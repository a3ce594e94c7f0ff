"""The drafted config: what was guessed, what to check, what is left to fill in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from replay.checkpoints import FORMATS, Checkpoint, Signature
from replay.config import NoMatch, expand_globs
from replay.init.inputs import TODO, DraftInput, guess_inputs
from replay.init.leaves import Leaf, leaves
from replay.init.roles import Roles, guess_roles

_COMMENT_COLUMN = 42
_LINE = 116
_MOST_TENSORS = 3


def draft(schema: pa.Schema, *, traffic_path: str, checkpoint: Checkpoint, target: str = "replay.yaml") -> str:
    """Draft a config.

    What could not be guessed from names, types and shapes is marked TODO; everything else is valid.

    Args:
        schema: Schema of the logged table.
        traffic_path: Its directory, or a URL.
        checkpoint: What is known of the checkpoint that scored it.
        target: Where the file will be: paths in it are relative to its directory.

    Returns:
        The text of the file.
    """
    columns = leaves(schema)
    roles = guess_roles(columns)
    directory = Path(target).absolute().parent
    lines = [
        f"# Drafted by `replay init` from the columns of {traffic_path}",
        f"# and from {checkpoint.path} ({checkpoint.format}).",
        f"# Fill in what is marked {TODO} and check what is marked guessed, then: replay validate {target}",
        "version: 1",
        "",
        *_traffic(roles, _relative(traffic_path, directory)),
        "",
        *_model(checkpoint.signature, columns, roles),
        "",
        *_checkpoint(checkpoint, _relative(checkpoint.path, directory)),
        "",
        "diff:",
        _line("  tolerance: {abs: 1.0e-6, rel: 1.0e-5}", "|replayed - online| <= abs + rel * |online|"),
        "  bucket: 1min",
        "",
        "output: out",
    ]
    return "\n".join(lines) + "\n"


def _traffic(roles: Roles, path: str) -> Iterator[str]:
    yield "traffic:"
    yield f"  path: {_flow(path)}"
    if roles.key:
        yield _line(f"  key: {_flow(list(roles.key))}", "guessed by name: together they must identify a row")
    else:
        yield _line(f"  key: [{TODO}_KEY]", f"{TODO}: columns that identify a row")
    if roles.time is None:
        yield "  # time: ...  (no column looks like the time of the event; without one there are no windows or buckets)"
    elif roles.time_unit is None:
        yield _line(f"  time: {_flow(roles.time)}", "guessed")
    else:
        entry = _flow({"column": roles.time, "unit": roles.time_unit})
        yield _line(f"  time: {entry}", "guessed: check the unit since 1970 (s, ms, us, ns)")
    yield _role("score", roles.score) or _line(
        f"  score: {TODO}_SCORE", f"{TODO}: the column that holds what online answered"
    )
    for name, column in (("label", roles.label), ("weight", roles.weight), ("group", roles.group)):
        if column is not None:
            yield _role(name, column, _MEANING[name])
    if roles.entity is not None:
        yield _role("entity", roles.entity, _MEANING["entity"])
    if roles.segments:
        yield _line(f"  segments: {_flow(list(roles.segments))}", "guessed: slices of every diff and metric")
    if roles.served_by is not None:
        yield f"  # served_by: {_flow(roles.served_by)}    (if its values are names under `checkpoints`)"


_MEANING = {
    "label": "must hold 0 and 1",
    "weight": "weight of a row in the quality metrics",
    "group": "rows ranked together",
    "entity": "whose history a stale feature comes from",
}


def _role(name: str, column: str | None, meaning: str = "") -> str:
    """A line that gives a column its role; empty without a column."""
    if column is None:
        return ""
    return _line(f"  {name}: {_flow(column)}", f"guessed: {meaning}" if meaning else "guessed")


def _model(signature: Signature | None, columns: Sequence[Leaf], roles: Roles) -> Iterator[str]:
    yield "model:"
    taken = {*roles.taken, *(leaf.name for leaf in columns if leaf.kind in ("time", "other"))}
    free = [leaf for leaf in columns if leaf.name not in taken]
    if signature is None or not signature.inputs:
        yield f"  call: positional                          # or keyword, or dict ({TODO}: as forward() takes them)"
        yield "  inputs:"
        yield f"    # {TODO}: the file does not describe forward(): an entry per argument, in order"
        inputs: tuple[DraftInput, ...] = (_all_floats(free),)
    else:
        yield from _call(signature)
        yield "  inputs:"
        yield from _fixed_batch(signature)
        inputs = guess_inputs(_undotted(signature), free)
    for entry in inputs:
        yield from _input(entry, [leaf.name for leaf in columns])
    yield "    # `missing: 0.0` on an input is what serving fills in for a null; without it such a row is rejected"
    yield from _output(signature)


def _all_floats(free: Sequence[Leaf]) -> DraftInput:
    names = [leaf.name for leaf in free if leaf.kind == "float" and not leaf.is_list]
    return DraftInput({"name": "features", "dtype": "float32", "features": names or [TODO]})


def _call(signature: Signature) -> Iterator[str]:
    names = [spec.name for spec in signature.inputs]
    if _one_argument(signature):
        yield _line("  call: dict", "forward() takes one dict of tensors")
        return
    yield "  call: positional"
    prefix = _shared_start(names)
    if len(names) > 1 and "_" in prefix:
        shared = prefix[: prefix.index("_") + 1]
        yield f"  # if forward() takes one dict: `call: dict`, and names without {shared!r} in front"


def _one_argument(signature: Signature) -> bool:
    """Whether all inputs are entries of one dict: ``features.dense``, ``features.ids``."""
    arguments = {spec.name.split(".")[0] for spec in signature.inputs}
    return len(arguments) == 1 and all("." in spec.name for spec in signature.inputs)


def _undotted(signature: Signature) -> Signature:
    if not _one_argument(signature):
        return signature
    inputs = tuple(type(spec)(spec.name.split(".", 1)[1], spec.dtype, spec.shape) for spec in signature.inputs)
    return Signature(inputs, signature.outputs, signature.structure)


def _fixed_batch(signature: Signature) -> Iterator[str]:
    sizes = {spec.shape[0] for spec in signature.inputs if spec.shape and isinstance(spec.shape[0], int)}
    if sizes:
        rows = ", ".join(str(size) for size in sorted(sizes, key=str))
        yield f"    # {TODO}: the file takes batches of {rows} rows only: export it with a dynamic first dimension"


def _input(entry: DraftInput, names: Sequence[str]) -> Iterator[str]:
    fields = dict(entry.fields)
    if "features" in fields:
        fields["features"] = _as_glob(fields["features"], names)
    for note in entry.notes:
        yield f"    # {note}"
    flow = _flow(fields)
    if len(flow) <= _LINE - 6:
        yield f"    - {flow}"
        return
    for index, (key, value) in enumerate(fields.items()):
        lead = "    - " if index == 0 else "      "
        yield from _wrapped(f"{lead}{key}: ", value)


def _as_glob(features: Sequence[str], names: Sequence[str]) -> list[str]:
    """Write many names as one glob, where it covers these and no others, in this order."""
    prefix = _shared_start(features)
    if len(features) > 3 and prefix:
        try:
            covered = expand_globs([f"{prefix}*"], names)
        except NoMatch:
            covered = ()
        if list(covered) == list(features):
            return [f"{prefix}*"]
    return list(features)


def _shared_start(names: Sequence[str]) -> str:
    """The characters that all names begin with.

    >>> _shared_start(["C1", "C26"])
    'C'
    """
    first, last = min(names), max(names)
    length = next((index for index, sign in enumerate(first) if not last.startswith(first[: index + 1])), len(first))
    return first[:length]


def _wrapped(lead: str, value: Any) -> Iterator[str]:
    """One ``key: value``; a long list goes over several lines."""
    if not isinstance(value, list) or len(lead) + len(_flow(value)) <= _LINE:
        yield lead + _flow(value)
        return
    line, indent = f"{lead}[", " " * 10
    for index, name in enumerate(value):
        text = _flow(name) + ("]" if index == len(value) - 1 else ", ")
        if len(line) + len(text) > _LINE:
            yield line.rstrip()
            line = indent
        line += text
    yield line


def _output(signature: Signature | None) -> Iterator[str]:
    outputs = () if signature is None else signature.outputs
    check = "guessed: none for probabilities, sigmoid for logits; or exp"
    first = outputs[0].name if outputs else ""
    if len(outputs) > 1 and signature is not None:
        likely = next((one.name for one in outputs if any(word in one.name for word in _SCORE_WORDS)), first)
        select: int | str = likely if signature.structure == "dict" else int(likely) if likely.isdecimal() else 0
        names = ", ".join(one.name or str(index) for index, one in enumerate(outputs))
        yield f"  # guessed: which of the outputs ({names}) is the score"
        flow = _flow({"select": select, "transform": _transform(likely)})
    elif signature is not None and signature.structure == "dict" and first:
        flow = _flow({"select": first, "transform": _transform(first)})
    else:
        flow = _flow({"transform": _transform(first)})
    yield _line(f"  output: {flow}", check)


_SCORE_WORDS = ("score", "logit", "prob", "ctr", "click", "pred")


def _transform(name: str) -> str:
    return "sigmoid" if "logit" in name else "none"


def _checkpoint(checkpoint: Checkpoint, path: str) -> Iterator[str]:
    yield "checkpoints:"
    yield "  prod:"
    yield f"    path: {_flow(path)}"
    if checkpoint.config.operators:
        yield f"    operators: [{', '.join(checkpoint.config.operators)}]"
    if checkpoint.config.factory is not None:
        yield f"    factory: {_flow(checkpoint.config.factory)}"
    elif FORMATS[checkpoint.format].needs_factory:
        tensors = ", ".join(f"{one.name} {list(one.shape)}" for one in checkpoint.tensors[:_MOST_TENSORS])
        more = ", ..." if len(checkpoint.tensors) > _MOST_TENSORS else ""
        yield f"    # {TODO}: the file holds weights alone ({tensors}{more}): what builds the module?"
        yield f'    factory: "{TODO}.py:build"'
    yield _line(f"    sha256: {checkpoint.sha256}", "the file as it is now")


def _relative(path: str, directory: Path) -> str:
    """A local path as seen from a directory, if it is near; URLs and far paths as they are."""
    if "://" in path:
        return path
    absolute = os.path.abspath(path)  # noqa: PTH100, collapses `..`
    near = os.path.relpath(absolute, directory)
    return absolute if near.startswith(os.path.join("..", "..")) else near  # noqa: PTH118


def _line(text: str, comment: str) -> str:
    return f"{text:<{_COMMENT_COLUMN}}  # {comment}"


def _flow(value: str | int | Sequence[Any] | Mapping[str, Any]) -> str:
    """Write a value as YAML on one line, quoted where it must be.

    >>> _flow(["I1", "no", "I*"]), _flow({"select": 0})
    ("[I1, 'no', I*]", '{select: 0}')
    """
    text = yaml.safe_dump([value], default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return text.strip()[1:-1]
