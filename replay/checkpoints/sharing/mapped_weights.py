"""Weights that a library copied into private memory, replaced by the same bytes mapped from a file.

A mapped page is one page for all processes of a machine. Archives (.pt2, TorchScript, torch.save) store weights as they
are in memory, so an equal entry of the checkpoint's own file is mapped. Weights that no entry equals (a compressed
archive) are written once a machine, as they are, and mapped from there.

Leans on what torch does, but does not promise: a tensor that is given other memory (``tensor.data = ...``) stays the
object that the module, its views of weights and its compiled code refer to; and ``torch.frombuffer`` keeps a mapping
alive for as long as there is a storage over it. ``test_mapped_weights.py`` compares scores and memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.sharing.memory import release_memory
from replay.files.private_cache import publish, touch

MIN_SHARED_BYTES = 8 << 20
"""Smaller models are not worth it: a worker's libraries alone take hundreds of megabytes."""
_PAGE = 4096
_ALIGNMENT = 64  # of storages in torch's archives, and of memory that torch allocates: kernels see no difference


def worth_sharing(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint is large enough for its weights to be shared between processes."""
    return sum(file.size for file in checkpoint.files) >= MIN_SHARED_BYTES


def share_weights(
    tensors: Iterable[torch.Tensor], checkpoint: Checkpoint, directory: Path | None, part: str = ""
) -> None:
    """Replace the memory under tensors by mapped files, and free it.

    Args:
        tensors: All that hold weights. Those that share memory go on sharing it. Nothing else may refer to that memory.
        checkpoint: Where they were read from.
        directory: From :func:`~replay.files.private_cache.opening_lock`; the lock must be held.
        part: Tells tensors that are made of the file in different ways apart.
    """
    if not worth_sharing(checkpoint):
        return
    by_storage: dict[int, list[torch.Tensor]] = {}
    for tensor in tensors:
        if tensor.device.type == "cpu" and tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            if storage.nbytes() >= _PAGE:
                by_storage.setdefault(storage.data_ptr(), []).append(tensor)
    for file in checkpoint.files:
        mapped = MappedFile(Path(file.path))
        _map_equal(by_storage, mapped, _stored_entries(mapped))
    if directory is not None and sum(_bytes(group).numel() for group in by_storage.values()) >= MIN_SHARED_BYTES:
        _share_by_copy(by_storage, directory, f"{checkpoint.sha256}-{checkpoint.format}{part}.weights")
    by_storage.clear()
    release_memory()


def _map_equal(by_storage: dict[int, list[torch.Tensor]], mapped: MappedFile, entries: dict[int, list[int]]) -> None:
    """Map the storages that equal an entry of a file, and take them out of the dict."""
    for key, group in list(by_storage.items()):
        own = _bytes(group)
        for offset in entries.get(own.numel(), ()):
            storage = mapped.storage(offset, own.numel())
            if _equal(own, torch.empty(0, dtype=torch.uint8).set_(storage)):
                for tensor in group:
                    _move(tensor, storage)
                del by_storage[key]
                break


def _share_by_copy(by_storage: dict[int, list[torch.Tensor]], directory: Path, name: str) -> None:
    entries: dict[int, list[int]] = {}
    position = 0
    for group in by_storage.values():
        entries.setdefault(_bytes(group).numel(), []).append(position)
        position += -(-_bytes(group).numel() // _PAGE) * _PAGE
    target = directory / name
    if not target.is_file() or target.stat().st_size != position:
        with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
            for group in by_storage.values():
                file.write(_bytes(group).numpy().data)
                file.write(bytes(-file.tell() % _PAGE))
        target = publish(directory, name, Path(file.name))
    touch(target)
    _map_equal(by_storage, MappedFile(target), entries)


def _equal(own: torch.Tensor, mapped: torch.Tensor) -> bool:
    """Compare; the first page tells tables of the same size apart without reading them through."""
    return torch.equal(own[:_PAGE], mapped[:_PAGE]) and torch.equal(own, mapped)


def _bytes(group: list[torch.Tensor]) -> torch.Tensor:
    """The whole storage under some tensors, as bytes."""
    return torch.empty(0, dtype=torch.uint8).set_(group[0].untyped_storage())


def _move(tensor: torch.Tensor, storage: torch.UntypedStorage) -> None:
    """Put a tensor, and whatever refers to it, onto another storage."""
    moved = torch.empty(0, dtype=tensor.dtype)
    tensor.data = moved.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())


def _stored_entries(file: MappedFile) -> dict[int, list[int]]:
    """Offsets of the entries of an archive that are stored as they are, by size; none where it is no archive."""
    found: dict[int, list[int]] = {}
    if file.read(0, len(LOCAL_MAGIC)) == LOCAL_MAGIC:
        for entry in Archive(file).entries.values():
            if not entry.deflated and entry.size >= _PAGE and entry.start % _ALIGNMENT == 0:
                found.setdefault(entry.size, []).append(entry.start)
    return found


def module_tensors(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Parameters, buffers, and tensors that are plain attributes of a module or of one in it."""
    yield from module.parameters()
    yield from module.buffers()
    if not isinstance(module, torch.jit.ScriptModule):
        for each in module.modules():
            yield from (value for value in vars(each).values() if isinstance(value, torch.Tensor))
