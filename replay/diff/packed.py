"""States that travel between our own processes as bytes."""

from __future__ import annotations

import pickle
import zlib
from typing import Self


class Packed:
    """Gives a state that buffers rows its ``to_bytes`` and ``from_bytes``."""

    def flush(self) -> Self:
        """Work through what is buffered; a state that buffers overrides it."""
        return self

    def to_bytes(self) -> bytes:
        """Pack for the way between our own processes."""
        return zlib.compress(pickle.dumps(self.flush(), protocol=pickle.HIGHEST_PROTOCOL), level=1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Unpack what ``to_bytes`` of this very program packed; never feed it bytes of another origin.

        Raises:
            TypeError: Something else was packed.
        """
        state = pickle.loads(zlib.decompress(data))
        if not isinstance(state, cls):
            raise TypeError(f"found {type(state).__name__}, expected a packed {cls.__name__}")
        return state
