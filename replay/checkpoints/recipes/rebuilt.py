"""The weights of any checkpoint, also of one that is made of others: computed tensor by tensor, as its recipe says."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from replay.checkpoints.checkpoint import Checkpoint, TensorInfo
from replay.checkpoints.examine import read_state_dict as read_file
from replay.checkpoints.recipes.altering import draw_positions, flipped, noised, rounded, zeroed
from replay.checkpoints.recipes.recipe import Alteration, Splice
from replay.checkpoints.safety.storages import DTYPES
from replay.hashing import salted
from replay.memo import remembered


class Weights:
    """Tensors of a checkpoint by name; those of its files share the files' pages, the rest is computed when asked for.

    Tensors that are one in the file (tied) are altered as one, under the name of the parameter that comes first.

    Args:
        checkpoint: Any.
        sources: Those of its recipe's sources, where they are at hand: a file is read once.

    Attributes:
        checkpoint: As given.
    """

    def __init__(self, checkpoint: Checkpoint, sources: tuple[Weights, ...] = ()) -> None:
        self._recipe = checkpoint.recipe
        if self._recipe is not None and not sources:
            sources = tuple(Weights(source) for source in self._recipe.sources)
        self._sources = sources
        self.checkpoint = checkpoint
        self._origins = dict(self._recipe.origins) if isinstance(self._recipe, Splice) else {}
        self._altered = frozenset(self._recipe.tensors) if isinstance(self._recipe, Alteration) else frozenset()

    @cached_property
    def _file(self) -> dict[str, torch.Tensor]:
        tensors, _ = remembered(("tensors", *self._source_key), lambda: read_file(self.checkpoint))
        return tensors

    @property
    def _source_key(self) -> tuple[str, str]:
        return self.checkpoint.name, self.checkpoint.sha256

    @cached_property
    def first_names(self) -> Mapping[str, str]:
        """For every tensor, the name that stands for all tensors that are one with it."""
        if self._sources:
            return self._sources[0].first_names
        parameters = {info.name for info in self.checkpoint.tensors if info.parameter}
        names, _ = remembered(("first names", *self._source_key), lambda: _first_names(self._file, parameters))
        return names

    def is_computed(self, name: str) -> bool:
        """Whether a tensor has values that are in no file."""
        if not self._sources:
            return False
        if name in self._altered and (self._flips is None or self.first_names[name] in self._flips):
            return True
        return self._source(name).is_computed(name)

    def is_own(self, name: str) -> bool:
        """Whether a tensor is what the file whose structure is used holds under that name."""
        if not self._sources:
            return True
        return not self.is_computed(name) and name not in self._origins and self._sources[0].is_own(name)

    def tensor(self, name: str) -> torch.Tensor:
        """A tensor, on the CPU; not to be written to."""
        if not self._sources:
            return self._file[name]
        first = self.first_names.get(name, name)
        found = self._source(first).tensor(first)
        return (
            self._alter(self._recipe, first, found)
            if isinstance(self._recipe, Alteration) and name in self._altered
            else found
        )

    def _source(self, name: str) -> Weights:
        return self._sources[self._origins.get(name, 0)]

    def _alter(self, recipe: Alteration, name: str, tensor: torch.Tensor) -> torch.Tensor:
        if self._flips is not None:
            return flipped(tensor, self._flips[name]) if name in self._flips else tensor
        if recipe.change == "cast":
            return rounded(tensor, str(recipe.amount))
        alter = zeroed if recipe.change == "zero" else noised
        return alter(tensor, float(recipe.amount), salted(recipe.salt, name))

    @cached_property
    def _flips(self) -> dict[str, NDArray[np.uint64]] | None:
        """Of flipped bits, where they are in each tensor that has any; None for any other recipe."""
        recipe = self._recipe
        if not isinstance(recipe, Alteration) or recipe.change != "bitflip":
            return None
        # By name: the same weights in another format, or in another order, get the same bits flipped.
        names = sorted(name for name in recipe.tensors if self.first_names[name] == name)
        stored = {info.name: stored_bytes(info) for info in self.checkpoint.tensors}
        sizes = [8 * stored[name] for name in names]
        ends = np.cumsum(sizes, dtype=np.uint64)
        drawn = np.sort(draw_positions(int(recipe.amount), int(ends[-1]), recipe.salt))
        cuts = np.searchsorted(drawn, ends)
        parts = np.split(drawn, cuts[:-1])
        starts = (ends - np.array(sizes, np.uint64)).tolist()
        return {
            name: part - np.uint64(start) for name, part, start in zip(names, parts, starts, strict=True) if len(part)
        }


def stored_bytes(info: TensorInfo) -> int:
    """Size of a tensor in bytes.

    >>> stored_bytes(TensorInfo("w", (2, 3), "bfloat16"))
    12
    """
    return math.prod(info.shape) * DTYPES[info.dtype].itemsize


def _first_names(state: Mapping[str, torch.Tensor], parameters: Collection[str]) -> dict[str, str]:
    found: dict[tuple[object, ...], str] = {}
    names = {}
    for name, tensor in sorted(state.items(), key=lambda item: item[0] not in parameters):
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        names[name] = found.setdefault(place, name) if tensor.numel() else name
    return names
