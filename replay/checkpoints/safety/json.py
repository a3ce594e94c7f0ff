"""JSON from an untrusted file."""

from __future__ import annotations

import json
from typing import Any

from replay.errors import CorruptCheckpoint


def parse_json(data: bytes, place: str) -> Any:
    """JSON from an untrusted file, keys that appear twice refused.

    Args:
        data: UTF-8.
        place: For messages.

    Raises:
        CorruptCheckpoint: It is no JSON, is nested without end, or has a key twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a key is there twice")
        return members

    try:
        return json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"{place}: not readable as JSON ({error}); copy the file again") from None
