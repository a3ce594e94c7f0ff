"""Plain data as YAML text that a config reads back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from replay.config.yaml.document import YamlError, parse_yaml


def to_yaml(data: Any) -> str:
    """Data as YAML that a config reads back: sections as blocks, lists of plain values on one line.

    >>> print(to_yaml({"version": 1, "traffic": {"key": ["id", "no"]}, "steps": [{"op": "nulls"}]}), end="")
    version: 1
    traffic:
      key: [id, "no"]
    steps:
      - {op: nulls}
    """
    return "".join(f"{line}\n" for line in _lines(data, ""))


def _lines(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{to_flow(key)}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            yield f"{indent}{to_flow(key)}:"
            yield from (f"{indent}  - {to_flow(one)}" for one in value)
        else:
            yield f"{indent}{to_flow(key)}: {to_flow(value)}"


def to_flow(value: Any) -> str:
    """A value on one line: text as it is where YAML takes it for that, else as JSON has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_flow(key)}: {to_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_flow, value)) + "]"
    if isinstance(value, str) and _is_plain(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "." not in text:
        text = text.replace("e", ".0e")  # some readers take 1e-7 for text
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)


def _is_plain(text: str) -> bool:
    """Whether text stays the text that it is, also in a list and as a key."""
    if not text.isprintable():
        return False
    try:
        read = parse_yaml(f"[{text}]"), parse_yaml(f"{{{text}: {text}}}")
    except YamlError:
        return False
    found = [document.data for document in read] == [[text], {text: text}]
    return found and not any(document.doubts or document.findings for document in read)
