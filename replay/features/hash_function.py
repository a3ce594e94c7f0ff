"""What a hash function is: a number for each of some distinct values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.hash import HashTraits

Hashes = npt.NDArray[Any]
"""Hashes as unsigned numbers: uint32 or uint64, or Python's integers where they are wider."""


class HashFunction(HashTraits):
    """A hash function; its docstring says what it is, and what it takes.

    Attributes:
        by_type: Whether an integer is hashed as a number of its type. Otherwise it is hashed as its decimal text, so
            that ``42`` and ``"42"`` fall into one bucket and no width or byte order matters.
    """

    by_type: ClassVar[bool] = False

    @abstractmethod
    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """Hash values.

        Args:
            values: ``large_binary`` (of a string its UTF-8 bytes), (num_values,), without a null; where it hashes by
                type, integers and decimals as they were logged too.
            seed: Its seed; 0 where it takes none.

        Returns:
            (num_values,).
        """
