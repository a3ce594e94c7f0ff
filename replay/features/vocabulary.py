"""Vocabulary files: JSON, an object of value to index, or a list whose places are the indices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from replay.features.dtypes import Target
from replay.features.problems import EncodeError


def load_vocabulary(path: str, target: Target) -> dict[bytes, int]:
    """Read a vocabulary.

    Args:
        path: A JSON file. An object gives each value its index, and several values may share one. A list gives each
            value its place; its values are strings or integers.
        target: The dtype that the indices must fit.

    Returns:
        Index by the UTF-8 bytes of the value; an integer stands as its decimal string, as JSON's own keys do.

    Raises:
        EncodeError: When the file cannot be read, is not a vocabulary, or repeats a value.
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"), object_pairs_hook=_no_repeats)
    except OSError as error:
        raise EncodeError(f"cannot read the vocabulary {path}: {error.strerror or error}") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise EncodeError(f"{path} is not a vocabulary: expected JSON, found {error}") from error
    except _RepeatError as error:
        raise EncodeError(f"the vocabulary {path} has {error.args[0]!r} twice: keep one of them") from error
    if not isinstance(data, list | dict):
        raise EncodeError(f"{path} is not a vocabulary: expected an object of value to index, or a list of values")
    indices = _from_list(data, path, target) if isinstance(data, list) else _from_object(data, path, target)
    # Logged strings need not be valid text, and nor need the keys of a file: neither may stop the other.
    return {value.encode("utf-8", "surrogatepass"): index for value, index in indices.items()}


class _RepeatError(Exception):
    """A vocabulary that gives one value two indices."""


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        raise _RepeatError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return data


def _from_list(data: list[Any], path: str, target: Target) -> dict[str, int]:
    vocabulary: dict[str, int] = {}
    for index, value in enumerate(data):
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise EncodeError(f"the vocabulary {path} has {value!r} at {index}: expected a string or an integer")
        if vocabulary.setdefault(str(value), index) != index:
            raise EncodeError(f"the vocabulary {path} has {value!r} twice: at {vocabulary[str(value)]} and {index}")
    if len(data) - 1 > target.high:
        raise EncodeError(f"the vocabulary {path} has {len(data)} values, more than {target.name} can index")
    return vocabulary


def _from_object(data: dict[str, Any], path: str, target: Target) -> dict[str, int]:
    for value, index in data.items():
        if isinstance(index, bool) or not isinstance(index, int) or not target.low <= index <= target.high:
            raise EncodeError(f"the vocabulary {path} maps {value!r} to {index!r}: expected an index of {target.name}")
    return data
