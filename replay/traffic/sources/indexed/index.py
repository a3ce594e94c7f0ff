"""Rows of another table in files that are mapped, not read: found by the digests of their keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.traffic.key_digests import Digests
from replay.traffic.sources.indexed.keys import KeyColumns, are_equal, digests_of

Places = npt.NDArray[np.int64]
"""Where rows are: the number of their block, then 32 bits of the number in it; -1 is nowhere."""

ROW_BITS: Final = 32
_OPEN_AT_ONCE: Final = 4
_opened: OrderedDict[str, OpenedIndex] = OrderedDict()
"""By directory: what this worker has mapped."""


@dataclass(frozen=True)
class RowBlock:
    """A batch of rows in an Arrow file.

    Attributes:
        path: The file, on a disk.
        number: Of the batch in it.
        rows: How many.
    """

    path: str
    number: int
    rows: int


@dataclass(frozen=True)
class SourceIndex:
    """The selected rows of another table on this machine's disk. Picklable.

    Attributes:
        directory: Its own; whoever made it removes it.
        schema: The columns that are kept, as the table has them.
        key: Its key.
        blocks: The rows.
        lower: The lower bounds of the ranges of digests; of each the digests and their places are in a file.
        keyed: Rows that have a key without a null.
    """

    directory: str
    schema: pa.Schema
    key: KeyColumns
    blocks: tuple[RowBlock, ...]
    lower: tuple[int, ...]
    keyed: int

    @property
    def rows(self) -> int:
        """How many it has."""
        return sum(block.rows for block in self.blocks)

    def numbers(self, places: Places) -> npt.NDArray[np.int64]:
        """Places of rows, (n,), as numbers from 0 to their count."""
        firsts = np.cumsum([0, *(block.rows for block in self.blocks)])
        return np.asarray(firsts[places >> ROW_BITS] + (places & ((1 << ROW_BITS) - 1)))

    def holds(self, columns: Sequence[str]) -> bool:
        """Whether it keeps some top-level columns."""
        return set(columns) <= set(self.schema.names)


def digests_path(directory: str, number: int) -> Path:
    """The sorted digests of a range."""
    return Path(directory) / f"digests-{number}.npy"


def places_path(directory: str, number: int) -> Path:
    """Where the rows of a range are, in the order of their digests."""
    return Path(directory) / f"places-{number}.npy"


def opened(index: SourceIndex) -> OpenedIndex:
    """An index that is mapped into this process, which keeps a few of those that are still there."""
    if index.directory not in _opened:
        for gone in [known for known in _opened if not Path(known).exists()]:
            del _opened[gone]  # what is mapped takes room on the disk until then
        _opened[index.directory] = OpenedIndex(index)
    _opened.move_to_end(index.directory)
    while len(_opened) > _OPEN_AT_ONCE:
        _opened.popitem(last=False)
    return _opened[index.directory]


class OpenedIndex:
    """Finds rows by key: of its files, the pages that are looked at are in memory.

    Args:
        index: The index.

    Raises:
        OSError: A file is not there.
    """

    def __init__(self, index: SourceIndex) -> None:
        self._index = index
        ranges = range(len(index.lower))
        self._digests: list[Digests] = [_mapped(digests_path(index.directory, number)) for number in ranges]
        self._places: list[Places] = [_mapped(places_path(index.directory, number)) for number in ranges]
        self._lower = np.array(index.lower, np.uint64)
        files = {path: pa.ipc.open_file(pa.memory_map(path)) for path in {block.path for block in index.blocks}}
        self._files = files
        self._batches: dict[int, pa.RecordBatch] = {}

    def partners(self, keys: Sequence[pa.Array], columns: Sequence[str]) -> tuple[Places, pa.RecordBatch]:
        """The rows that have the keys of others.

        Args:
            keys: (n,) each, in the types of the index's key.
            columns: That are wanted of the rows.

        Returns:
            (n,) places, and (n,) rows, of nulls alone where there is none.
        """
        digests, whole = digests_of(keys)
        places = np.where(whole, self._find(digests), -1)
        names = list(dict.fromkeys([*self._index.key.roots, *columns]))
        rows = self.take(places, names)
        same = are_equal(keys, self._index.key.arrays(rows))
        if (same != (places >= 0)).any():  # another key that shares the digest
            places = np.where(same, places, -1)
            rows = self.take(places, names)
        return places, rows.select(list(columns))

    def take(self, places: Places, columns: Sequence[str]) -> pa.RecordBatch:
        """Rows at some places, (n,), of nulls alone where one is -1."""
        found = np.flatnonzero(places >= 0)
        blocks = places[found] >> ROW_BITS
        order = np.argsort(blocks, kind="stable")
        found, blocks = found[order], blocks[order]
        rows = places[found] & ((1 << ROW_BITS) - 1)
        bounds = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(blocks)]
        schema = pa.schema([self._index.schema.field(name) for name in columns])
        empty = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
        parts = [
            self._block(int(blocks[start])).select(list(columns)).take(pa.array(rows[start:stop]))
            for start, stop in pairwise(bounds)
            if stop > start
        ]
        together = pa.concat_batches([empty, *parts])
        back = np.full(len(places), -1, np.int64)
        back[found] = np.arange(len(found))
        return together.take(pa.array(back, mask=back < 0))

    def _find(self, digests: Digests) -> Places:
        """Where the rows of some digests, (n,), are."""
        found = np.full(len(digests), -1, np.int64)
        ranges = np.searchsorted(self._lower, digests, side="right") - 1
        for number in np.unique(ranges).tolist():
            own, known = np.flatnonzero(ranges == number), self._digests[number]
            if len(known):
                nearest = np.minimum(np.searchsorted(known, digests[own]), len(known) - 1)
                hit = known[nearest] == digests[own]
                found[own[hit]] = self._places[number][nearest[hit]]
        return found

    def _block(self, number: int) -> pa.RecordBatch:
        if number not in self._batches:
            block = self._index.blocks[number]
            self._batches[number] = self._files[block.path].get_batch(block.number)
        return self._batches[number]


def _mapped(path: Path) -> Any:
    return np.load(path, mmap_mode="r")
