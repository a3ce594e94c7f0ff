"""Vocabulary files: JSON, an object of value to index, or a list whose places are the indices."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.config.messages.no_such_file import unreadable
from replay.features.dtypes import TensorDtype
from replay.features.problems import EncodeError
from replay.files.here import local_name
from replay.files.kinds import odd_kind

_MOST_UNASKED: Final = 8
"""A vocabulary of at most so many times the values is put into Arrow's table of hashes, which is made for each call."""


class Vocabulary(dict[bytes, int]):
    """Index by the UTF-8 bytes of the value; an integer stands as its decimal string, as JSON's own keys do."""

    @cached_property
    def _texts(self) -> pa.LargeBinaryArray:
        return pa.array(list(self), pa.large_binary())

    @cached_property
    def _indices(self) -> npt.NDArray[np.int64]:
        return np.fromiter(self.values(), np.int64, len(self))

    def find(self, values: pa.LargeBinaryArray, unknown: int, offset: int) -> npt.NDArray[np.int64]:
        """Look values up.

        Args:
            values: (num_values,), none null.
            unknown: What a value that is not there has.
            offset: Added to the index of one that is.

        Returns:
            (num_values,).
        """
        if len(self) <= _MOST_UNASKED * len(values):
            places = pc.index_in(values, value_set=self._texts).fill_null(len(self)).to_numpy()
            found: npt.NDArray[np.int64] = np.append(self._indices + np.int64(offset), np.int64(unknown))[places]
            return found
        places = map(self.get, values.to_numpy(zero_copy_only=False).tolist())
        return np.fromiter((unknown if one is None else one + offset for one in places), np.int64, len(values))


def load_vocabulary(path: str, target: TensorDtype) -> Vocabulary:
    """Read a vocabulary; a file that has not changed is read once per process.

    Args:
        path: A JSON file, here or at a URL. An object gives each value its index, and several values may share one. A
            list gives each value its place; its values are strings or integers.
        target: The dtype that the indices must fit.

    Returns:
        Shared: not to be written to.

    Raises:
        EncodeError: When the file cannot be read, is not a vocabulary, or gives a value twice.
    """
    local, status = _found(path)
    try:
        vocabulary = _read(path, local, status.st_mtime_ns, status.st_size)
        span = _span(path, local, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise EncodeError(f"cannot read the vocabulary {unreadable(path, error)}") from error
    for index in span:
        if not target.low <= index <= target.high:
            raise EncodeError(f"the vocabulary {path} has the index {index}, which {target.name} cannot hold")
    return vocabulary


def _found(path: str) -> tuple[str, os.stat_result]:
    """What this process calls a file, and how it is now."""
    try:
        local = local_name(path)
        if (kind := odd_kind(local)) is not None:
            raise EncodeError(f"cannot read the vocabulary {path}: found {kind}, expected a file")
        return local, Path(local).stat()
    except (OSError, ValueError, NotImplementedError) as error:  # Arrow's, of a URL that it does not know
        raise EncodeError(f"cannot read the vocabulary {unreadable(path, error)}") from error


@lru_cache(maxsize=32)
def _read(path: str, local: str, changed: int, size: int) -> Vocabulary:
    """Read a file as it was when it had this time of change and size."""
    try:
        data = json.loads(Path(local).read_text("utf-8"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise EncodeError(f"{path} is not a vocabulary: expected JSON, found {error}") from error
    if isinstance(data, _Pairs):
        pairs: list[tuple[str, Any]] = list(data)
    elif isinstance(data, list):
        pairs = [(_listed(value, index, path), index) for index, value in enumerate(data)]
    else:
        raise EncodeError(f"{path} is not a vocabulary: expected an object of value to index, or a list of values")
    for value, index in pairs:
        if isinstance(index, bool) or not isinstance(index, int):
            raise EncodeError(f"the vocabulary {path} maps {value!r} to {_shown(index)}, expected an integer")
    # Logged strings need not be valid text, nor need the keys of a file: neither may stop the other.
    vocabulary = Vocabulary((value.encode("utf-8", "surrogatepass"), index) for value, index in pairs)
    if len(vocabulary) < len(pairs):
        value = Counter(value for value, _ in pairs).most_common(1)[0][0]
        raise EncodeError(f"the vocabulary {path} has {value!r} more than once: keep one of them")
    return vocabulary


@lru_cache(maxsize=32)
def _span(path: str, local: str, changed: int, size: int) -> tuple[int, int]:
    """The smallest and the largest index of a file."""
    indices = _read(path, local, changed, size).values()
    return min(indices, default=0), max(indices, default=0)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, repeated keys and all."""


def _listed(value: object, index: int, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise EncodeError(f"the vocabulary {path} has {_shown(value)} at {index}, expected a string or an integer")
    return str(value)


def _shown(value: object) -> str:
    return "an object" if isinstance(value, _Pairs) else repr(value)
