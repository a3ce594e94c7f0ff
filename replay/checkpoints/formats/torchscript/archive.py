"""Read a TorchScript archive without opening it: its weights, code and pickles."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import torch

from replay.checkpoints.contents import Contents, FoundPickle, listed
from replay.checkpoints.formats.torch_save.file import check_byte_order, remembered
from replay.checkpoints.formats.torchscript.code import ScriptCode, read_code, script_signature
from replay.checkpoints.formats.torchscript.objects import DeclaredTypes
from replay.checkpoints.safety.allowlist import Policy
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.entries import EntryKind, known_entries, refuse_unused
from replay.checkpoints.safety.operators import allow_by_name, known_class
from replay.checkpoints.safety.pickles import PickleWalk, whole_walk
from replay.checkpoints.safety.placeholders import Placeholder, Unreadable
from replay.checkpoints.safety.unpickler import unpickle, unpickle_script
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

_MAX_OBJECTS: Final = 1 << 20
_ENTRIES: Final = {
    r"(data|constants|traced_inputs|bytecode|mobile_debug_handles)\.pkl": EntryKind.PICKLE,
    r"(data|constants|traced_inputs)/\w+": EntryKind.STORAGE,
    r"code/[\w/]+\.py": EntryKind.SOURCE,
    r"code/[\w/]+\.py\.debug_pkl": EntryKind.PICKLE,
    r"extra/.+": EntryKind.ASIDE,
}
_CLASSES: Final = "__torch__.torch.classes."


def read_script(archive: Archive, allowed: Collection[str] = ()) -> Contents:
    """Read an archive of torch.jit.save.

    Args:
        archive: Of this format.
        allowed: Operators and C++ classes that the user allows beside those of torch that are known.

    Raises:
        UnsafeCheckpoint: A pickle or the code holds what torch does not write.
        CorruptCheckpoint: Parts are missing or do not fit.
    """
    path = archive.file.path
    archive.check_sums()
    check_byte_order(archive)
    kinds = known_entries(archive, _ENTRIES)
    names = [name for name, kind in kinds.items() if kind is EntryKind.PICKLE]
    walks = {name: _strict_walk(archive, name, allowed) for name in names}
    refuse_unused(archive, kinds, (place for name, walk in walks.items() for place in _storage_names(name, walk)))
    code = read_code(_sources(archive), str(path), allowed)
    root = unpickle_script(archive.read("data.pkl"), f"{path}: data.pkl", _storages(archive, "data/"))
    constants = unpickle(archive.read("constants.pkl"), f"{path}: constants.pkl", _storages(archive, "constants/"))
    weights, parameters = _weights(root, code, str(path))
    fixed = {
        f"CONSTANTS.c{index}": value
        for index, value in enumerate(constants if isinstance(constants, tuple | list) else ())
        if isinstance(value, torch.Tensor)
    }
    top = code.classes.get(root.origin) if isinstance(root, Placeholder) else None
    return Contents(
        "torchscript",
        {**weights, **fixed},
        not_parameters=frozenset((weights.keys() | fixed.keys()) - parameters),
        executes=_executes(code),
        signature=script_signature(top.forward if top else None),
        pickles=tuple(FoundPickle(name, walk) for name, walk in walks.items()),
    )


def _strict_walk(archive: Archive, name: str, allowed: Collection[str]) -> PickleWalk:
    place = f"{archive.file.path}: {name}"
    walk = whole_walk(archive.read(name), place)
    walk.check(Policy.SCRIPT, place)
    for found in walk.globals:
        if found.startswith(_CLASSES) and not known_class(found.removeprefix(_CLASSES), allowed):
            called = found.removeprefix("__torch__.")
            raise UnsafeCheckpoint(
                f"{place} holds an object of {called}, which is not a C++ class that replay knows."
                f" {allow_by_name(called)}"
            )
    return walk


def _storage_names(name: str, walk: PickleWalk) -> tuple[str, ...]:
    """Entries that the tensors of a pickle are made of."""
    own = name.removesuffix(".pkl")
    # Bytecode for phones shares the constants of the code.
    folders = (own, "constants") if own == "bytecode" else (own,)
    return tuple(f"{folder}/{storage.key}" for storage in walk.storages for folder in folders)


def _sources(archive: Archive) -> dict[str, str]:
    sources = {}
    for name in archive.entries:
        if name.startswith("code/") and name.endswith(".py"):
            try:
                sources[name.removeprefix("code/").removesuffix(".py").replace("/", ".")] = archive.read(name).decode()
            except UnicodeDecodeError:
                raise CorruptCheckpoint(f"{archive.file.path}: {name} is no text; copy the file again") from None
    return sources


def _storages(archive: Archive, folder: str) -> Callable[[str, torch.dtype, int], torch.UntypedStorage]:
    return remembered(lambda key, dtype, elements: archive.storage(f"{folder}{key}", elements * dtype.itemsize))


def _weights(root: Any, code: ScriptCode, place: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    """Tensors of all modules by attribute path, and which are parameters."""
    tensors: dict[str, torch.Tensor] = {}
    parameters: set[str] = set()
    pending: list[tuple[str, Any, bool]] = [("", root, False)]
    declared = DeclaredTypes(code.classes)
    visits = 0
    while pending:
        prefix, value, parameter = pending.pop()
        visits += 1
        if visits > _MAX_OBJECTS or prefix.count(".") > 256:
            raise CorruptCheckpoint(f"{place}: objects contain each other; save the model again")
        if isinstance(value, torch.Tensor):
            tensors[prefix] = value
            parameters.update({prefix} if parameter else ())
        elif isinstance(value, Placeholder):
            _check_object(value, prefix, code, declared, place)
        elif isinstance(value, Unreadable) and value.kind != "quantized":
            raise CheckpointError(f"{place}: {prefix!r} is a {value.kind} tensor, expected a dense one")
        pending.extend(reversed(_children(prefix, value, code)))
    return tensors, parameters


def _check_object(value: Placeholder, prefix: str, code: ScriptCode, declared: DeclaredTypes, place: str) -> None:
    known = code.classes.get(value.origin)
    if known is None:
        return
    state = value.state if isinstance(value.state, dict) and known.state is None else {}
    wrong = [name for name, child in state.items() if not declared.fits(child, known.types.get(str(name)))]
    if not declared.fits(value.state, known.state):
        wrong.append("__setstate__")
    if wrong:
        raise UnsafeCheckpoint(
            f"{place}: {listed(wrong)} of {prefix or 'the model'} ({value.origin}) holds an object of another class"
            " than its source declares, which would read memory that is not its own. Nothing was run; save it again"
        )


def _children(prefix: str, value: Any, code: ScriptCode) -> list[tuple[str, Any, bool]]:
    dot = f"{prefix}." if prefix else ""
    if isinstance(value, Placeholder):
        known = code.classes.get(value.origin)
        named = value.state if isinstance(value.state, dict) else {}
        return [
            (f"{dot}{name}", child, known is not None and name in known.parameters) for name, child in named.items()
        ]
    if isinstance(value, dict):
        return [(f"{dot}{name}", child, False) for name, child in value.items() if isinstance(name, str | int)]
    if isinstance(value, list | tuple) and not all(isinstance(item, int | float | str) for item in value):
        return [(f"{dot}{index}", child, False) for index, child in enumerate(value)]
    return []


def _executes(code: ScriptCode) -> tuple[str, ...]:
    used = listed((f"{name} x{count}" for name, count in code.operators.most_common()), 8)
    lines = [f"TorchScript code: {code.functions} functions, operators {used or 'none'}"]
    if code.custom_classes:
        lines.append(f"C++ classes that torch or a library must register: {listed(code.custom_classes)}")
    return tuple(lines)
