"""JSON from an untrusted file."""

from __future__ import annotations

import json
from typing import Any, Final

from replay.checkpoints.safety.budgets import OverBudget
from replay.errors import CorruptCheckpoint

MAX_VALUES: Final = 10_000_000
"""Each takes some hundred bytes of memory, however short it is in the file."""


def parse_json(data: bytes, place: str) -> Any:
    """JSON from an untrusted file, keys that appear twice refused.

    Args:
        data: UTF-8.
        place: For messages.

    Raises:
        CorruptCheckpoint: It is no JSON, is nested without end, or has a key twice.
        OverBudget: It holds more than any checkpoint says of itself.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a key is there twice")
        return members

    values = 1 + sum(map(data.count, (b",", b"[", b"{")))
    if values > MAX_VALUES:
        raise OverBudget(f"{place}: JSON of up to {values:,} values, at most {MAX_VALUES:,} are read")
    try:
        return json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"{place}: not readable as JSON ({error}); copy the file again") from None
