"""JSON from an untrusted file: read as Python does, and refused where two readers could differ."""

from __future__ import annotations

import json

import pytest

from replay.checkpoints.safety.json import parse_json
from replay.errors import CorruptCheckpoint


def test_it_is_what_python_reads() -> None:
    text = '{"a": [1, 2.5, null, "\u00e9"], "b": {"a": true}}'
    assert parse_json(text.encode(), "file") == json.loads(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1, "a": 2}', "a key is there twice"),
        (b'{"b": {"a": 1, "a": 1}}', "a key is there twice"),
        (b'{"a": 1', "not readable as JSON"),
        (b'"\xff"', "not readable as JSON"),
        (b"[" * 100_000, "not readable as JSON"),
    ],
)
def test_anything_else_is_corrupt(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=f"file: .*{reason}|file: {reason}"):
        parse_json(data, "file")
