"""The JSON Schema of ``summary.json``, from the code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from replay.report.summary.summary import Summary, summary_adapter


def summary_schema() -> dict[str, Any]:
    """Build the schema (draft 2020-12): every key that is always written is required.

    >>> summary_schema()["title"]
    'summary.json of a replay'
    """
    schema = summary_adapter().json_schema(mode="validation")
    definitions = schema.pop("$defs")
    for part in summary_parts():
        definition = definitions[part.__name__]
        definition["required"] = _required(part)
        definition["description"] = (part.__doc__ or "").strip().splitlines()[0]
        for entry in definition["properties"].values():
            if "description" in entry:
                entry["description"] = " ".join(entry["description"].split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "summary.json of a replay",
        "description": "The results of one run; written last, so that its presence means a complete run.",
        "required": _required(Summary),
        "$defs": dict(sorted(definitions.items())),
    }


def summary_parts() -> frozenset[type[Any]]:
    """The dataclasses that a summary is made of, `Summary` itself apart."""
    return frozenset(_dataclasses_of(Summary)) - {Summary}


def _dataclasses_of(annotation: Any) -> Iterator[type[Any]]:
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        yield annotation
        inner = tuple(get_type_hints(annotation).values())
    else:
        inner = get_args(annotation)
    for each in inner:
        yield from _dataclasses_of(each)


def _required(part: type[Any]) -> list[str]:
    left_out = ("optional", "internal")
    return [entry.name for entry in dataclasses.fields(part) if not any(entry.metadata.get(key) for key in left_out)]
