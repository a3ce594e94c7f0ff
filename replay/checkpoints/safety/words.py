"""Lists of names, written as text: what is allowed is read more often than it is changed."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text.

    >>> sorted(words("two words"))
    ['two', 'words']
    """
    return frozenset(text.split())
