"""Read a torch.export archive (.pt2) without opening it: its program, weights, constants and pickles."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import torch

from replay.checkpoints.checkpoint import Signature
from replay.checkpoints.contents import Contents, FoundPickle, listed
from replay.checkpoints.formats.torch_export.graph import check_program, foreign_operators, operators, path_reason
from replay.checkpoints.formats.torch_export.signature import SCALAR_TYPES, program_signature
from replay.checkpoints.formats.torch_save.file import check_byte_order, read_nested
from replay.checkpoints.safety.allowlist import Policy
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.entries import EntryKind, known_entries, refuse_unused
from replay.checkpoints.safety.json import parse_json
from replay.checkpoints.safety.placeholders import Unreadable
from replay.checkpoints.safety.storages import tensor_over
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

OLD_PROGRAM: Final = "serialized_exported_program.json"
"""In archives of torch before 2.8."""
_STRIDED: Final = 7
_ENTRIES: Final = {
    r"models/model\.json": EntryKind.PROGRAM,
    r"data/weights/model_weights_config\.json": EntryKind.PROGRAM,
    r"data/constants/model_constants_config\.json": EntryKind.PROGRAM,
    r"data/weights/weight_\d+": EntryKind.STORAGE,
    r"data/constants/tensor_\d+": EntryKind.STORAGE,
    r"data/(weights|constants|sample_inputs)/model\.pt": EntryKind.SAVED,
    r"extra/.+": EntryKind.ASIDE,
}
_OLD_ENTRIES: Final = {
    r"serialized_exported_program\.json": EntryKind.PROGRAM,
    r"serialized_(state_dict|constants|example_inputs)\.pt": EntryKind.SAVED,
    r"extra_files/.+": EntryKind.ASIDE,
}
_EXAMPLES: Final = ("data/sample_inputs/model.pt", "serialized_example_inputs.pt")
_NATIVE: Final = (".so", ".dll", ".dylib", ".cubin", ".ptx", ".cpp", ".o")


def not_needed(archive: Archive) -> tuple[str, ...]:
    """Entries that scoring does not need, and torch would read all the same: sample inputs, and the user's own files.

    Args:
        archive: Of this format.
    """
    return tuple(name for name in archive.entries if name in _EXAMPLES or name.startswith(("extra/", "extra_files/")))


def read_export(archive: Archive, allowed: Collection[str] = ()) -> Contents:
    """Read an archive of torch.export.

    Args:
        archive: Of this format.
        allowed: Operators that the user allows beside those of torch that are known.

    Raises:
        UnsafeCheckpoint: It carries native code, custom objects, entries that torch does not write, or strings that
            torch would run.
        CorruptCheckpoint: Parts are missing or do not fit.
    """
    path = archive.file.path
    archive.check_sums()
    check_byte_order(archive)
    _check_names(archive)
    if OLD_PROGRAM in archive:
        return _read_old(archive, allowed)
    models = [name for name in archive.entries if name.startswith("models/") and name.endswith(".json")]
    if models != ["models/model.json"]:
        raise CheckpointError(
            f"{path}: the archive holds {listed(models) or 'no model'}; expected one model (torch.export.save)"
        )
    kinds = known_entries(archive, _ENTRIES)
    archive.without(not_needed(archive))  # refuses what could not be kept from torch
    program = parse_json(archive.read(models[0]), f"{path}: {models[0]}")
    check_program(program, str(path), allowed)
    pickles: list[FoundPickle] = []
    saved = {name: _saved(archive, name, pickles) for name, kind in kinds.items() if kind is EntryKind.SAVED}
    tensors: dict[str, torch.Tensor] = {}
    not_parameters: set[str] = set()
    used: set[str] = set()
    for kind in ("weights", "constants"):
        found, parameters = _payloads(archive, kind, saved, pickles, used)
        tensors.update(found)
        not_parameters.update(found.keys() - parameters)
    refuse_unused(archive, kinds, used)
    signature = program_signature(program, str(path))
    return _contents(program, tensors, frozenset(not_parameters), signature, pickles)


def _saved(archive: Archive, name: str, pickles: list[FoundPickle]) -> Any:
    """What a file of torch.save in the archive holds; that of sample inputs torch will not see."""
    place = f"{archive.file.path}: {name}"
    content = archive.read(name)
    nested = read_nested(content, place, policy=Policy.WEIGHTS if name in _EXAMPLES else Policy.EXPORT)
    if content[:4] != LOCAL_MAGIC:
        # torch.load has more readers, of older kinds of files, than are looked through here.
        raise UnsafeCheckpoint(f"{place} is a bare pickle, expected the zip archive that torch.export writes there")
    pickles.extend(FoundPickle(f"{name}: {found.place}", found.walk) for found in nested.pickles)
    return nested.root


def _contents(
    program: Any,
    tensors: dict[str, torch.Tensor],
    not_parameters: frozenset[str],
    signature: Signature,
    pickles: list[FoundPickle],
) -> Contents:
    counts = operators(program)
    used = listed((f"{name} x{count}" for name, count in counts.most_common()), 8)
    executes = [f"torch.export program: {sum(counts.values())} operators ({used})"]
    if foreign := foreign_operators(program):
        executes.append(f"operators that a library of yours must register: {listed(foreign)}")
    return Contents(
        "torch.export",
        tensors,
        not_parameters=not_parameters,
        executes=tuple(executes),
        signature=signature,
        pickles=tuple(pickles),
    )


def _check_names(archive: Archive) -> None:
    for name in archive.entries:
        base = name.rpartition("/")[2]
        if name.startswith(("data/aotinductor/", "data/executorch/")) or name.endswith(_NATIVE):
            raise UnsafeCheckpoint(
                f"{archive.file.path}: the archive carries compiled code ({name}), which opening it would load; export"
                " the model with torch.export.save"
            )
        if base.startswith(("custom_obj_", "opaque_obj_")):
            raise UnsafeCheckpoint(
                f"{archive.file.path}: the archive carries a custom object ({name}), which opening it would unpickle;"
                " export a model without such constants"
            )


def _payloads(
    archive: Archive, kind: str, saved: dict[str, Any], pickles: list[FoundPickle], used: set[str]
) -> tuple[dict[str, torch.Tensor], set[str]]:
    """Tensors of one kind by name, and which are parameters; notes in ``used`` the entries that they are made of."""
    path, folder = archive.file.path, f"data/{kind}/"
    legacy = f"{folder}model.pt"
    if legacy in archive:
        tensors = _plain_tensors(saved[legacy], f"{path}: {legacy}")
        return tensors, set(tensors) if kind == "weights" else set()
    config = parse_json(archive.read(f"{folder}model_{kind}_config.json"), f"{path}: {kind}")
    entries = config.get("config") if isinstance(config, dict) else None
    if not isinstance(entries, dict):
        raise CorruptCheckpoint(f"{path}: {folder}model_{kind}_config.json has no `config`; export the model again")
    tensors, parameters = {}, set()
    for name, entry in entries.items():
        file = entry.get("path_name") if isinstance(entry, dict) else None
        if not isinstance(file, str) or "/" in file or f"{folder}{file}" not in archive:
            raise CorruptCheckpoint(
                f"{path}: {name!r} is said to be in {str(file)[:80]!r}, which is not in the archive; export it again"
            )
        if reason := path_reason(name):
            raise UnsafeCheckpoint(f"{path}: a tensor is called {name[:120]!r}: {reason}. Nothing was run")
        used.add(f"{folder}{file}")
        tensors[name] = _payload(archive, f"{folder}{file}", name, entry, pickles)
        if entry.get("is_param") is True:
            parameters.add(name)
    return tensors, parameters


def _payload(archive: Archive, file: str, name: str, entry: Any, pickles: list[FoundPickle]) -> torch.Tensor:
    place = f"{archive.file.path}: {name!r}"
    if entry.get("use_pickle"):
        return _plain_tensors({name: _saved(archive, file, pickles)}, place)[name]
    try:
        meta = entry["tensor_meta"]
        dtype = SCALAR_TYPES[meta["dtype"]]
        shape = [size["as_int"] for size in meta["sizes"]]
        strides = [step["as_int"] for step in meta["strides"]]
        offset, layout = meta["storage_offset"]["as_int"], meta["layout"]
    except (KeyError, TypeError) as error:
        raise CorruptCheckpoint(f"{place} has no readable shape ({error!r}); export the model again") from None
    if layout != _STRIDED:
        raise CheckpointError(f"{place} is a sparse tensor, expected a dense one; export the model with dense weights")
    return tensor_over(archive.storage(file), dtype, offset, shape, strides, name=place)


def _plain_tensors(root: Any, place: str) -> dict[str, torch.Tensor]:
    if not isinstance(root, dict):
        raise CorruptCheckpoint(f"{place}: holds {type(root).__name__}, expected tensors by name")
    for name, value in root.items():
        if isinstance(value, Unreadable):
            raise CheckpointError(f"{place}: {name!r} is a {value.kind} tensor, expected a dense one")
        if not isinstance(value, torch.Tensor):
            raise UnsafeCheckpoint(f"{place}: {name!r} is no tensor, but {type(value).__name__}")
    return dict(root)


def _read_old(archive: Archive, allowed: Collection[str]) -> Contents:
    """The layout before torch 2.8: a program and three files of torch.save."""
    path = archive.file.path
    kinds = known_entries(archive, _OLD_ENTRIES)
    program = parse_json(archive.read(OLD_PROGRAM), f"{path}: {OLD_PROGRAM}")
    check_program(program, str(path), allowed)
    pickles: list[FoundPickle] = []
    roots = {name: _saved(archive, name, pickles) for name, kind in kinds.items() if kind is EntryKind.SAVED}
    state = roots.get("serialized_state_dict.pt")
    if state is None:
        raise CorruptCheckpoint(
            f"{path}: serialized_state_dict.pt is missing; export the model again with torch 2.10 or newer"
        )
    tensors = _plain_tensors(state, f"{path}: weights")
    constants = _plain_tensors(roots.get("serialized_constants.pt") or {}, f"{path}: constants")
    signature = program_signature(program, str(path))
    return _contents(program, {**tensors, **constants}, frozenset(constants), signature, pickles)
