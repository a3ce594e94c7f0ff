"""What the states of a pass over the scores table share: they buffer batches, and travel as bytes."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import pyarrow as pa

from replay.diff.chunk import Chunk, ChunkBuffer, decode, split_rejected
from replay.diff.spec import DiffSpec

# Zstandard at its quickest: a quarter of zlib's time for a fifth less bytes, on sums and histograms of scores.
_LEVEL: Final = 1
_SIZE: Final = 8


def pack(state: object) -> bytes:
    """Pack a picklable state."""
    data = pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)
    packed: bytes = _codec().compress(data, asbytes=True)
    return len(data).to_bytes(_SIZE, "little") + packed


def unpack(packed: bytes) -> Any:
    """Undo ``pack`` of this very program; never feed it bytes of another origin."""
    size = int.from_bytes(packed[:_SIZE], "little")
    return pickle.loads(_codec().decompress(memoryview(packed)[_SIZE:], decompressed_size=size, asbytes=True))


def _codec() -> pa.Codec:
    return pa.Codec("zstd", compression_level=_LEVEL)


class Packed:
    """Gives a state that buffers rows its ``to_bytes`` and ``from_bytes``."""

    def flush(self) -> Self:
        """Work through what is buffered; a state that buffers overrides it."""
        return self

    def to_bytes(self) -> bytes:
        """Pack for the way between our own processes."""
        return pack(self.flush())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Unpack what ``to_bytes`` of this very program packed; never feed it bytes of another origin.

        Raises:
            TypeError: Something else was packed.
        """
        state = unpack(data)
        if not isinstance(state, cls):
            raise TypeError(f"found {type(state).__name__}, expected a packed {cls.__name__}")
        return state


class ChunkedState(Packed, ABC):
    """A state that is fed with batches of the scores table and works through chunks.

    Args:
        spec: What it decodes of a chunk.
    """

    def __init__(self, spec: DiffSpec) -> None:
        self.spec = spec
        self._buffer = ChunkBuffer()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the state reads, each once."""
        return self.spec.columns

    def update(self, batch: pa.RecordBatch) -> Self:
        """Add a batch of the scores table; it needs ``columns``, others are ignored."""
        self._buffer.add(batch.select(list(self.columns)))
        if self._buffer.full:
            self._work(self._buffer.take())
        return self

    def flush(self) -> Self:
        """Work through what is buffered; the other methods do so by themselves."""
        self._work(self._buffer.drain())
        return self

    def _work(self, tables: Iterable[pa.Table]) -> None:
        for table in tables:
            scored, rejected = split_rejected(table, self.spec)
            self._reject(rejected)
            if scored.num_rows:
                self._add(decode(scored, self.spec))

    def _reject(self, rejected: Mapping[str, int]) -> None:
        """Rows that were not scored, counted by reason; nothing, unless a state counts them."""

    @abstractmethod
    def _add(self, chunk: Chunk) -> None: ...
