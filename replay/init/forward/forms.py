"""What a tensor may be like that a model is tried with: dtype and shape, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from replay.checkpoints import TensorInfo
from replay.init.forward.described import named_table
from replay.init.forward.watching import ROWS
from replay.init.leaves import Leaf, normalized
from replay.init.sample import LoggedSample

_SOME_LENGTH = 3
_MOST_WIDTHS = 24
_WIDEST = 4096
_STACKS_OF_FLOATS = ("dense", "float", "num", "cont", "feat", "x", "vec")
_STACKS_OF_INDICES = ("sparse", "cat", "id", "ids", "idx", "index", "indices", "ints", "int", "codes")


@dataclass(frozen=True)
class Form:
    """What a made-up tensor is like.

    Attributes:
        dtype: torch's name without ``torch.``.
        sizes: After the batch.
    """

    dtype: str
    sizes: tuple[int, ...] = ()

    def zeros(self) -> torch.Tensor:
        """A tensor of this form: of zeros, which every embedding has; a mask of ones."""
        make = torch.ones if self.dtype == "bool" else torch.zeros
        return make((ROWS, *self.sizes), dtype=getattr(torch, self.dtype))


class Forms:
    """Which forms to try for an argument, by its name.

    Args:
        sample: Logged rows: a column of an argument's own name says what it is like.
        features: Columns that may be features.
        module: The model.
    """

    def __init__(self, sample: LoggedSample, features: Sequence[Leaf], module: nn.Module) -> None:
        self._sample = sample
        self._columns = {leaf.words: leaf for leaf in sample.columns}
        self._tensors = [TensorInfo(name, tuple(value.shape), "") for name, value in module.named_parameters()]
        self._features = [leaf for leaf in features if not leaf.is_list]
        tables = sum(isinstance(layer, nn.Embedding | nn.EmbeddingBag) for layer in module.modules())
        dims = {size for tensor in self._tensors for size in tensor.shape if size <= _WIDEST}
        floats, indices = self._pool_sizes()
        self._float_widths = _first_in([size for size in floats if size in dims], floats, sorted(dims))
        self._index_widths = _first_in([tables], indices, range(1, 9))

    def column(self, name: str) -> Leaf | None:
        """The column of an argument's own name."""
        return self._columns.get(normalized(name))

    def of(self, name: str, *, stacks: bool) -> tuple[Form, ...]:
        """Forms for an argument.

        Args:
            name: Its name.
            stacks: Whether it may be several columns side by side, as in a positional call.
        """
        leaf, words = self.column(name), normalized(name).split("_")
        if "mask" in words:
            length = (self._length(None),)
            return (Form("float32", length), Form("bool", length), Form("int64", length))
        if leaf is not None and leaf.is_list:
            both = ("float32", "int64") if leaf.kind == "float" else ("int64", "float32")
            length = (self._length(leaf),)
            return tuple(Form(dtype, sizes) for sizes in (length, ()) for dtype in both)
        indexed = named_table(name, self._tensors) is not None or (leaf is not None and leaf.kind == "string")
        both = ("int64", "float32") if indexed or (not stacks and leaf is None) else ("float32", "int64")
        alone = [Form(dtype, sizes) for sizes in ((), (1,)) for dtype in both]
        lists = [Form(dtype, (self._length(None),)) for dtype in ("int64", "float32")]
        if leaf is not None or not stacks:
            return tuple(dict.fromkeys([*alone, *lists]))
        return tuple(dict.fromkeys([*self._stacks(words), *alone, *lists]))

    def _stacks(self, words: Sequence[str]) -> Iterator[Form]:
        floats = [Form("float32", (width,)) for width in self._float_widths]
        indices = [Form("int64", (width,)) for width in self._index_widths]
        if any(word in _STACKS_OF_INDICES for word in words):
            yield from indices
            yield from floats[:3]
        elif any(word in _STACKS_OF_FLOATS for word in words):
            yield from floats
            yield from indices[:3]
        else:
            for number in range(max(len(floats), len(indices))):
                yield from (*floats[number : number + 1], *indices[number : number + 1])

    def _length(self, leaf: Leaf | None) -> int:
        """Elements of lists: of this column, else of any whose lists are all alike."""
        leaves = [leaf] if leaf is not None else [column for column in self._sample.columns if column.is_list]
        for column in leaves:
            lengths = self._sample.facts(column.name).lengths
            if column.length is not None or (lengths is not None and lengths[0] == lengths[1] > 0):
                return column.length or lengths[1]  # type: ignore[index]
        return _SOME_LENGTH

    def _pool_sizes(self) -> tuple[list[int], list[int]]:
        kinds = [leaf.kind for leaf in self._features]
        floats, ints, texts = (kinds.count(kind) for kind in ("float", "int", "string"))
        bools = kinds.count("bool")
        numbers = [floats, floats + ints, floats + ints + bools, ints]
        return [size for size in numbers if size], [size for size in (ints, texts, ints + texts, ints + bools) if size]


def _first_in(*groups: Sequence[int]) -> list[int]:
    return [size for size in dict.fromkeys(size for group in groups for size in group) if size > 0][:_MOST_WIDTHS]
