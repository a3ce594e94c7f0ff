"""What a reader of one format finds in a checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import torch

from replay.checkpoints.checkpoint import Signature, TensorInfo
from replay.checkpoints.safety.pickles import PickleWalk


@dataclass(frozen=True)
class FoundPickle:
    """A pickle inside a checkpoint.

    Attributes:
        place: Where it is: the file, or the entry of an archive.
        walk: What it uses.
    """

    place: str
    walk: PickleWalk


@dataclass(frozen=True)
class SavedExtras:
    """What a state dict carries beside its tensors, for the modules that take it back.

    Attributes:
        states: What modules gave as ``get_extra_state()``, by name (``tower._extra_state``): plain data, or a
            placeholder of what is not read.
        modules: What each module saved of itself, by its path: its ``version``, by which it migrates older weights.
        as_installed: Whether the file is of a whole module, which says no versions: those of the code count.
    """

    states: Mapping[str, object] = field(default_factory=dict)
    modules: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    as_installed: bool = False


NO_EXTRAS: Final = SavedExtras()
"""Of what holds tensors alone."""


@dataclass(frozen=True)
class Contents:
    """A checkpoint's insides, read without running any of it.

    Attributes:
        format: Name in ``FORMATS``.
        tensors: By name, sharing memory with the file.
        not_parameters: Names of those that are buffers or constants.
        set_aside: What was not read, in words.
        executes: What opening it would run, in words.
        signature: Inputs and outputs, where the file says.
        pickles: All pickles in it.
        extras: What lies beside the tensors and is the module's, too.
    """

    format: str
    tensors: dict[str, torch.Tensor]
    not_parameters: frozenset[str] = frozenset()
    set_aside: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    signature: Signature | None = None
    pickles: tuple[FoundPickle, ...] = field(default=())
    extras: SavedExtras = NO_EXTRAS

    def tensor_infos(self) -> tuple[TensorInfo, ...]:
        """Name, shape and dtype of every tensor."""
        return tuple(
            TensorInfo(name, tuple(tensor.shape), dtype_name(tensor.dtype), name not in self.not_parameters)
            for name, tensor in self.tensors.items()
        )

    def parameters_by_dtype(self) -> dict[str, int]:
        """Elements of all tensors, by dtype name."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors.values():
            counts[dtype_name(tensor.dtype)] += tensor.numel()
        return dict(counts)


def dtype_name(dtype: torch.dtype) -> str:
    """Name of a dtype as torch has it, without ``torch.``.

    >>> dtype_name(torch.bfloat16)
    'bfloat16'
    """
    return str(dtype).removeprefix("torch.")


def listed(names: Iterable[str], most: int = 5) -> str:
    """Some names for a message, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    all_names = list(names)
    more = len(all_names) - most
    return ", ".join(all_names[:most]) + (f" and {more} more" if more > 0 else "")
