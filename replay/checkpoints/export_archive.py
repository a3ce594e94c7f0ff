"""Read a torch.export archive (.pt2) without opening it: its program, weights, constants and pickles."""

from __future__ import annotations

from typing import Any, Final

import torch

from replay.checkpoints.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.checkpoint import Format, Signature
from replay.checkpoints.contents import Contents, FoundPickle, listed
from replay.checkpoints.export_graph import (
    check_program,
    foreign_operators,
    operators,
)
from replay.checkpoints.export_signature import SCALAR_TYPES, program_signature
from replay.checkpoints.placeholders import Unreadable
from replay.checkpoints.safetensors_file import parse_json
from replay.checkpoints.storages import tensor_over
from replay.checkpoints.torch_files import check_byte_order, read_nested
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

OLD_PROGRAM: Final = "serialized_exported_program.json"
"""In archives of torch before 2.8."""
_STRIDED: Final = 7
_NATIVE: Final = (".so", ".dll", ".dylib", ".cubin", ".ptx", ".cpp", ".o")


def is_export(archive: Archive) -> bool:
    """Whether an archive is one of torch.export, today's or the older layout."""
    return "archive_format" in archive or OLD_PROGRAM in archive


def read_export(archive: Archive) -> Contents:
    """Read an archive of torch.export.

    Args:
        archive: For which ``is_export`` holds.

    Raises:
        UnsafeCheckpoint: It carries native code, custom objects, or strings that torch would run.
        CorruptCheckpoint: Parts are missing or do not fit.
    """
    path = archive.file.path
    check_byte_order(archive)
    _check_names(archive)
    if OLD_PROGRAM in archive:
        return _read_old(archive)
    models = [name for name in archive.entries if name.startswith("models/") and name.endswith(".json")]
    if models != ["models/model.json"]:
        raise CheckpointError(
            f"{path}: the archive holds {listed(models) or 'no model'}; expected one model (torch.export.save)"
        )
    program = parse_json(archive.read(models[0]), f"{path}: {models[0]}")
    check_program(program, str(path))
    pickles: list[FoundPickle] = []
    tensors: dict[str, torch.Tensor] = {}
    not_parameters: set[str] = set()
    for folder in ("weights", "constants"):
        found, parameters = _payloads(archive, f"data/{folder}/", folder, pickles)
        tensors.update(found)
        not_parameters.update(found.keys() - parameters)
    for name, entry in archive.entries.items():
        if not name.startswith(("data/weights/", "data/constants/", "models/")) and _looks_pickled(
            archive, entry.start
        ):
            pickles.extend(read_nested(archive.read(name), f"{path}: {name}").pickles)
    signature = program_signature(program, str(path))
    return _contents(program, tensors, frozenset(not_parameters), signature, pickles)


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
        Format.TORCH_EXPORT,
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


def _looks_pickled(archive: Archive, start: int) -> bool:
    head = archive.file.read(start, 4)
    return head[:1] == b"\x80" or head == LOCAL_MAGIC


def _payloads(
    archive: Archive, folder: str, kind: str, pickles: list[FoundPickle]
) -> tuple[dict[str, torch.Tensor], set[str]]:
    """Tensors of one folder by name, and which are parameters."""
    path = archive.file.path
    legacy = f"{folder}model.pt"
    if legacy in archive:
        found = read_nested(archive.read(legacy), f"{path}: {legacy}")
        pickles.extend(found.pickles)
        tensors = _plain_tensors(found.root, f"{path}: {legacy}")
        return tensors, set(tensors) if kind == "weights" else set()
    config = parse_json(archive.read(f"{folder}model_{kind}_config.json"), f"{path}: {kind}")
    entries = config.get("config") if isinstance(config, dict) else None
    if not isinstance(entries, dict):
        raise CorruptCheckpoint(f"{path}: {folder}model_{kind}_config.json has no `config`; export the model again")
    tensors, parameters = {}, set()
    for name, entry in entries.items():
        tensors[name] = _payload(archive, folder, name, entry, pickles)
        if entry.get("is_param") is True:
            parameters.add(name)
    return tensors, parameters


def _payload(archive: Archive, folder: str, name: str, entry: Any, pickles: list[FoundPickle]) -> torch.Tensor:
    place = f"{archive.file.path}: {name!r}"
    file = entry.get("path_name") if isinstance(entry, dict) else None
    if not isinstance(file, str) or "/" in file or f"{folder}{file}" not in archive:
        raise CorruptCheckpoint(
            f"{place} is said to be in {str(file)[:80]!r}, which is not in the archive; export it again"
        )
    if entry.get("use_pickle"):
        nested = read_nested(archive.read(f"{folder}{file}"), f"{archive.file.path}: {folder}{file}")
        pickles.extend(nested.pickles)
        return _plain_tensors({name: nested.root}, place)[name]
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
    return tensor_over(archive.storage(f"{folder}{file}"), dtype, offset, shape, strides, name=place)


def _plain_tensors(root: Any, place: str) -> dict[str, torch.Tensor]:
    if not isinstance(root, dict):
        raise CorruptCheckpoint(f"{place}: holds {type(root).__name__}, expected tensors by name")
    for name, value in root.items():
        if isinstance(value, Unreadable):
            raise CheckpointError(f"{place}: {name!r} is a {value.kind} tensor, expected a dense one")
        if not isinstance(value, torch.Tensor):
            raise UnsafeCheckpoint(f"{place}: {name!r} is no tensor, but {type(value).__name__}")
    return dict(root)


def _read_old(archive: Archive) -> Contents:
    """The layout before torch 2.8: a program and three files of torch.save."""
    path = archive.file.path
    program = parse_json(archive.read(OLD_PROGRAM), f"{path}: {OLD_PROGRAM}")
    check_program(program, str(path))
    pickles: list[FoundPickle] = []
    roots: dict[str, Any] = {}
    for name, entry in archive.entries.items():
        if _looks_pickled(archive, entry.start):
            nested = read_nested(archive.read(name), f"{path}: {name}")
            pickles.extend(nested.pickles)
            roots[name] = nested.root
    state = roots.get("serialized_state_dict.pt")
    if state is None:
        raise CorruptCheckpoint(
            f"{path}: serialized_state_dict.pt is missing; export the model again with torch 2.10 or newer"
        )
    tensors = _plain_tensors(state, f"{path}: weights")
    constants = _plain_tensors(roots.get("serialized_constants.pt") or {}, f"{path}: constants")
    signature = program_signature(program, str(path))
    return _contents(program, {**tensors, **constants}, frozenset(constants), signature, pickles)
