"""Reads plain data (mappings, lists, text, numbers) of uncertain shape: what does not fit is left out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def plain_data(value: Any) -> Any:
    """The value with every section in it as a mapping."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True)
    if isinstance(value, dict):
        return {key: plain_data(entry) for key, entry in value.items()}
    return [plain_data(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def texts(value: object) -> tuple[str, ...]:
    """The strings of a list, or the one string that stands for a list.

    >>> texts("a"), texts(["a", 5, "b"]), texts({"a": 1})
    (('a',), ('a', 'b'), ())
    """
    return tuple(text for _, text in placed_texts(value))


def placed_texts(value: object) -> tuple[tuple[tuple[int, ...], str], ...]:
    """The same, each with its place: ``(index,)``, or ``()`` for the string that stands for a list."""
    if isinstance(value, str):
        return (((), value),)
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple(((index,), text) for index, text in enumerate(value) if isinstance(text, str))


def mapping(value: object) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> tuple[tuple[int, dict[str, Any]], ...]:
    """The mappings of a list, each with its index."""
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple((index, entry) for index, entry in enumerate(value) if isinstance(entry, dict))
