"""Families of features that likely fail together: a struct of the log, or one beginning of many names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_BEGINNINGS = ("user", "item", "context", "ctx", "query", "ad", "session", "author", "seller", "campaign", "device",
               "page", "profile", "doc", "candidate", "viewer", "member", "creator")  # fmt: skip
_LEAST = 2


@dataclass(frozen=True)
class FamilyGuess:
    """A family.

    Attributes:
        name: For ``model.families``.
        features: Its globs or columns.
        of_struct: Its features are the fields of one struct.
    """

    name: str
    features: tuple[str, ...]
    of_struct: bool


def guess_families(features: Sequence[str]) -> tuple[FamilyGuess, ...]:
    """Group features; nothing where it would be one group, or groups of one.

    >>> [family.name for family in guess_families(["user_age", "user_ctr", "item_price", "item_ctr", "bid"])]
    ['user', 'item']
    """
    groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for name in features:
        struct, dot, _ = name.rpartition(".")
        beginning = name.split("_")[0]
        if dot:
            groups[struct, True].append(name)
        elif "_" in name and beginning in _BEGINNINGS:
            groups[beginning, False].append(name)
    found = {key: names for key, names in groups.items() if len(names) >= _LEAST}
    if len(found) < _LEAST:
        return ()
    return tuple(
        FamilyGuess(name.replace(".", "_"), tuple(names), of_struct) for (name, of_struct), names in found.items()
    )
