"""How values and choices are put into words, the same in every message."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 60


def describe(value: object) -> str:
    """Say what was found, as a person would see it in the file.

    >>> describe("abc"), describe(True), describe(None), describe([1, 2])
    ("'abc'", 'true', 'nothing', 'a list')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    if value == "":
        return "an empty text"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def listing(names: Iterable[object]) -> str:
    """Join choices for a message.

    >>> listing(["a", "b"])
    'a, b'
    """
    return ", ".join(str(name) for name in names)


def suggestion(near: str | None) -> str:
    """The end of a message about a name that is not known.

    >>> suggestion("score"), suggestion(None)
    ('; did you mean `score`?', '')
    """
    return f"; did you mean `{near}`?" if near is not None else ""
