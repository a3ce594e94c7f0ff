"""Map safetensors files, one or several with an index, by a header that is checked before anything is read.

The format: https://github.com/huggingface/safetensors#format (8 bytes of header length, a JSON header, the data).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import Contents, listed
from replay.checkpoints.folders import describe_folder
from replay.checkpoints.format import FORMATS, CheckpointFormat, Source
from replay.checkpoints.held import name_of
from replay.checkpoints.modules.assigning import open_weights
from replay.checkpoints.prefixes import model_weights
from replay.checkpoints.safety.budgets import check_tensors
from replay.checkpoints.safety.json import parse_json
from replay.checkpoints.safety.storages import (
    MAX_DIMENSIONS,
    MappedFile,
    contiguous_strides,
    tensor_over,
    whole_number,
)
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointError, CorruptCheckpoint

MAX_HEADER: Final = 100_000_000
"""Bytes, as in the reference implementation."""
INDEX_SUFFIX: Final = ".index.json"
_MAX_INDEX: Final = 1 << 28
_DTYPES: Final = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}


class Safetensors(CheckpointFormat):
    """A file, an index with its shards, or a folder with either."""

    name = "safetensors"
    words = "safetensors (a file, an index or a folder of shards)"
    needs_factory = True
    takes_text = True

    def recognize_path(self, path: Path) -> str | None:
        """Any folder, and what has the name of an index."""
        return self.name if path.is_dir() or path.name.endswith(INDEX_SUFFIX) else None

    def recognize_file(self, file: MappedFile) -> str | None:
        """What begins with a length and an opening brace."""
        return self.name if _begins_so(file) else None

    def files(self, path: Path) -> tuple[Path, ...]:
        """The files that hold the weights, the index first where there is one, shards by name."""
        if path.is_dir():
            return _files_of_folder(path)
        if path.name.endswith(INDEX_SUFFIX):
            return _files_of_index(path)
        return (path,)

    def members(self, names: Sequence[str]) -> tuple[str, ...]:
        """The index, whose shards it names; without one, or with several, all that may be meant."""
        indices = tuple(name for name in names if name.endswith(f".safetensors{INDEX_SUFFIX}"))
        return indices if len(indices) == 1 else (*indices, *(name for name in names if name.endswith(".safetensors")))

    def named_beside(self, path: Path) -> tuple[str, ...]:
        """The shards of an index."""
        return _shards(path) if path.name.endswith(INDEX_SUFFIX) else ()

    def read(self, source: Source, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Read all files; lengths and offsets must add up."""
        files = self.files(source.path)
        tensors = _read_file(MappedFile(files[0])) if len(files) == 1 else _read_shards(files)
        prefix = ".".join(part.strip(".") for part in (config.weights, config.prefix) if part) or config.prefix
        model = model_weights(tensors, prefix, str(source.path))
        return Contents(self.name, model.tensors, set_aside=model.set_aside)

    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Build the factory's module over the weights."""
        return open_weights(checkpoint, model, device)


FORMATS.register(Safetensors.name, Safetensors(), rank=40)


def _begins_so(file: MappedFile) -> bool:
    return file.size > 8 and file.read(8, 1) == b"{"


def _files_of_folder(folder: Path) -> tuple[Path, ...]:
    indices = sorted(folder.glob(f"*.safetensors{INDEX_SUFFIX}"))
    if len(indices) == 1:
        return _files_of_index(indices[0])
    files = sorted(folder.glob("*.safetensors"))
    if len(files) == 1 and not indices:
        return tuple(files)
    if not indices and not files:
        raise CheckpointError(f"{folder}: found {describe_folder(folder)}; expected a file, or a folder of safetensors")
    raise CheckpointError(
        f"{folder}: a folder with {len(indices)} indices and {len(files)} safetensors files"
        f" ({listed(each.name for each in (*indices, *files))}); expected one *.safetensors{INDEX_SUFFIX} with its"
        " shards, or one *.safetensors; of several, give the file"
    )


def _files_of_index(index: Path) -> tuple[Path, ...]:
    names = _shards(index)
    for name in names:
        if not (index.parent / name).is_file():
            raise CheckpointError(
                f"{index}: shard {name} is missing; {listed(names, 20)} are needed beside the index. Copy it as well"
            )
    return (index, *(index.parent / name for name in names))


def _shards(index: Path) -> tuple[str, ...]:
    names = sorted(set(_weight_map(index).values()))
    for name in names:
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            raise CheckpointError(f"{index}: names a shard {name!r} outside of its folder; expected a plain file name")
    return tuple(names)


def _weight_map(index: Path) -> dict[str, str]:
    if index.stat().st_size > _MAX_INDEX:
        raise CorruptCheckpoint(f"{index}: the index has {index.stat().st_size:,} bytes; expected a short JSON file")
    document = parse_json(Path(name_of(index)).read_bytes(), str(index))
    weights = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(weights, dict) or not weights or not all(isinstance(name, str) for name in weights.values()):
        raise CheckpointError(
            f"{index}: no `weight_map` from tensor to file name; expected an index of safetensors shards"
        )
    return weights


def _read_shards(files: tuple[Path, ...]) -> dict[str, torch.Tensor]:
    index, *shards = files
    weights = _weight_map(index)
    found: dict[str, torch.Tensor] = {}
    for shard in shards:
        if not _begins_so(mapped := MappedFile(shard)):
            raise CheckpointError(
                f"{shard}: the index names it, but it is no safetensors file; save the shards as safetensors"
            )
        tensors = _read_file(mapped)
        stray = [name for name in tensors if weights.get(name) != shard.name]
        if stray:
            raise CorruptCheckpoint(f"{shard}: holds {listed(stray)}, which the index has elsewhere or not at all")
        found.update(tensors)
    if missing := [name for name in weights if name not in found]:
        raise CorruptCheckpoint(
            f"{index}: {listed(missing)} are in no shard: a shard is incomplete; copy the shards again"
        )
    return {name: found[name] for name in weights}


def _read_file(file: MappedFile) -> dict[str, torch.Tensor]:
    length = int.from_bytes(file.read(0, 8), "little")
    if length > min(MAX_HEADER, file.size - 8):
        raise CorruptCheckpoint(
            f"{file.path}: the header claims {length:,} bytes, the file has {file.size:,} (at most {MAX_HEADER:,} fit)"
        )
    header = parse_json(file.read(8, length), f"{file.path}: header")
    if not isinstance(header, dict):
        raise CorruptCheckpoint(f"{file.path}: the header is no JSON object; expected a safetensors file")
    header.pop("__metadata__", None)
    check_tensors(len(header), str(file.path))
    start = 8 + length
    tensors = {}
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: _range(item[1])):
        dtype, shape, (first, last) = _entry(entry, f"{file.path}: {name!r}")
        if first != end:
            raise CorruptCheckpoint(
                f"{file.path}: {name!r} begins at byte {first}, expected {end}: tensors overlap or leave a hole"
            )
        if last - first != math.prod(shape) * dtype.itemsize:
            raise CorruptCheckpoint(
                f"{file.path}: {name!r} has {last - first} bytes, its shape {shape} of {dtype} needs"
                f" {math.prod(shape) * dtype.itemsize}"
            )
        storage = file.storage(start + first, last - first, dtype.itemsize)
        tensors[name] = tensor_over(storage, dtype, 0, shape, contiguous_strides(shape), name=f"{file.path}: {name!r}")
        end = last
    if start + end != file.size:
        raise CorruptCheckpoint(
            f"{file.path}: the tensors end at byte {start + end}, the file has {file.size}: truncated or appended to"
        )
    return {name: tensors[name] for name in header}


def _range(entry: Any) -> tuple[int, ...]:
    """Byte range to sort by; what is no range comes first, and is refused when it is read."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return tuple(offsets) if isinstance(offsets, list) and all(map(whole_number, offsets)) else ()


def _entry(entry: Any, place: str) -> tuple[torch.dtype, tuple[int, ...], tuple[int, int]]:
    """Dtype, shape and byte range of one tensor, from an untrusted header."""
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), fields.get("shape"), fields.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise CheckpointError(f"{place}: dtype {str(dtype)[:40]!r} is not read; known are {', '.join(_DTYPES)}")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or len(numbers) > MAX_DIMENSIONS or not all(map(whole_number, numbers)):
            raise CorruptCheckpoint(f"{place}: {str(numbers)[:80]} is no shape or byte range")
    assert isinstance(shape, list)
    assert isinstance(offsets, list)
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise CorruptCheckpoint(f"{place}: {offsets} is no byte range")
    return _DTYPES[dtype], tuple(shape), (offsets[0], offsets[1])
