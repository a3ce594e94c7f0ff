"""The command that shows one row."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def row_command(source: str | None, key: Mapping[str, Any]) -> str:
    """The command that shows one row end to end.

    Args:
        source: The config's file; None for a config made in Python.
        key: A value for each key column.

    >>> row_command("replay.yaml", {"request_id": "r 1", "item": 7})
    "replay row replay.yaml --key 'request_id=r 1' --key item=7"
    """
    keys = [part for name, value in key.items() for part in ("--key", f"{name}={value}")]
    return shlex.join(["replay", "row", source or "replay.yaml", *keys])
