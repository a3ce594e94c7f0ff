"""Weights that no file holds as they are: made once a machine, and mapped by all processes from there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import xxhash

from replay.checkpoints.checkpoint import Checkpoint, TensorInfo
from replay.checkpoints.contents import SavedExtras
from replay.checkpoints.examine import read_contents
from replay.checkpoints.recipes.rebuilt import Weights, stored_bytes
from replay.checkpoints.safety.storages import DTYPES, MappedFile, contiguous_strides, tensor_over
from replay.checkpoints.sharing.mapped_weights import MIN_SHARED_BYTES
from replay.checkpoints.sharing.memory import release_memory
from replay.files.private_cache import opening_lock, publish, touch

_ALIGNMENT = 64  # as torch allocates memory: kernels see no difference
_DIGEST_BYTES = 8


@dataclass(frozen=True)
class SavedWeights:
    """The weights of a checkpoint.

    Attributes:
        tensors: On the CPU by name, prefixes ``module.`` and ``_orig_mod.`` stripped, in the order of the file.
        extras: What the file whose structure it has holds beside them for the module.
    """

    tensors: dict[str, torch.Tensor]
    extras: SavedExtras


def read_weights(checkpoint: Checkpoint) -> SavedWeights:
    """Read the weights, and what the module takes back beside them; nothing of any file runs, whatever its format.

    The tensors share a file's pages between processes. Writing to one copies the page in this process alone.

    Args:
        checkpoint: As examined or derived; call ``verify_unchanged`` before, where a file may have changed since.

    Raises:
        CheckpointError: A file is no longer what was examined.
    """
    contents = read_contents(checkpoint)
    tensors = contents.tensors if checkpoint.recipe is None else _derived_tensors(checkpoint)
    return SavedWeights(tensors, contents.extras)


def read_state_dict(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """The tensors of :func:`read_weights` alone."""
    return read_contents(checkpoint).tensors if checkpoint.recipe is None else _derived_tensors(checkpoint)


def _derived_tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    with opening_lock() as directory:
        made = _computed(checkpoint, directory)
    weights = Weights(checkpoint)
    return {
        info.name: made[info.name] if info.name in made else weights.tensor(info.name) for info in checkpoint.tensors
    }


def replacements(checkpoint: Checkpoint, directory: Path | None) -> dict[str, torch.Tensor]:
    """Tensors that differ from those of the file whose structure a derived checkpoint has.

    Args:
        checkpoint: Any; without a recipe there is none.
        directory: From :func:`~replay.files.private_cache.opening_lock`; the lock must be held.
    """
    if checkpoint.recipe is None:
        return {}
    made = _computed(checkpoint, directory)
    weights = Weights(checkpoint)
    foreign = [info.name for info in checkpoint.tensors if info.name not in made and not weights.is_own(info.name)]
    return {**made, **{name: weights.tensor(name) for name in foreign}}


def _computed(checkpoint: Checkpoint, directory: Path | None) -> dict[str, torch.Tensor]:
    """The tensors that are in no file; those that are tied are one here too.

    The sources are mapped for this alone: their pages that were read to alter them would stay as long as the mapping.
    """
    weights = Weights(checkpoint)
    names = {info.name: weights.first_names[info.name] for info in checkpoint.tensors if weights.is_computed(info.name)}
    infos = [info for info in checkpoint.tensors if info.name in set(names.values())]
    layout = _Layout(infos)
    found = None
    if directory is not None and layout.size >= MIN_SHARED_BYTES:
        found = _from_cache(directory, f"{checkpoint.sha256}.derived", layout, weights)
    if found is None:
        found = {info.name: weights.tensor(info.name) for info in infos}
    return {name: found[first] for name, first in names.items()}


class _Layout:
    """Where tensors lie in a file that holds nothing else, but for a digest at the end."""

    def __init__(self, infos: Iterable[TensorInfo]) -> None:
        self.size = 0
        self.places: list[tuple[TensorInfo, int]] = []
        for info in infos:
            self.places.append((info, self.size))
            self.size += -(-stored_bytes(info) // _ALIGNMENT) * _ALIGNMENT

    def read(self, path: Path) -> dict[str, torch.Tensor] | None:
        """Map a file; None where it is not what was written."""
        if not path.is_file() or path.stat().st_size != self.size + _DIGEST_BYTES:
            return None
        file = MappedFile(path)
        if xxhash.xxh3_64_digest(file.view[: self.size]) != file.read(self.size, _DIGEST_BYTES):
            return None
        return {info.name: self._tensor(file, info, start) for info, start in self.places}

    def _tensor(self, file: MappedFile, info: TensorInfo, start: int) -> torch.Tensor:
        storage = file.storage(start, stored_bytes(info))
        return tensor_over(storage, DTYPES[info.dtype], 0, info.shape, contiguous_strides(info.shape), name=info.name)

    def write(self, path: Path, weights: Weights) -> None:
        """Write tensors one by one, as they are computed."""
        digest = xxhash.xxh3_64()
        with path.open("wb") as file:
            for info, _ in self.places:
                for part in _parts(weights.tensor(info.name)):
                    file.write(part)
                    digest.update(part)
            file.write(digest.digest())


def _parts(tensor: torch.Tensor) -> Iterator[memoryview | bytes]:
    """A tensor's bytes in C order, and what fills them up to the alignment."""
    if tensor.numel():
        yield tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
    yield bytes(-tensor.nbytes % _ALIGNMENT)


def _from_cache(directory: Path, name: str, layout: _Layout, weights: Weights) -> Mapping[str, torch.Tensor] | None:
    """Map the cache's entry, which is made where it is missing or damaged; None where it cannot be written."""
    target = directory / name
    found = layout.read(target)
    if found is None:
        with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
            made = Path(file.name)
        try:
            layout.write(made, weights)
            found = layout.read(publish(directory, name, made))
        except OSError:  # a full disk: this process computes them for itself
            made.unlink(missing_ok=True)
            return None
        finally:
            release_memory()
    touch(target)
    return found
