"""The JSON Schema of ``summary.json``, from the code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from replay.report.summary.summary import Summary, summary_adapter


def summary_schema() -> dict[str, Any]:
    """The schema of ``summary.json``.

    >>> summary_schema()["title"]
    'summary.json of a replay'
    """
    return file_schema(
        Summary,
        summary_adapter(),
        "summary.json of a replay",
        "The results of one run; written last, so that its presence means a complete run.",
    )


def file_schema(whole: type[Any], adapter: TypeAdapter[Any], title: str, description: str) -> dict[str, Any]:
    """Build the schema of a file (draft 2020-12): every key that is always written is required.

    Args:
        whole: The dataclass that the file holds.
        adapter: Validates it.
        title: What the file is called.
        description: What it says.
    """
    schema = adapter.json_schema(mode="validation")
    definitions = schema.pop("$defs")
    for part in parts_of(whole):
        definition = definitions[part.__name__]
        definition["required"] = _required(part)
        definition["description"] = (part.__doc__ or "").strip().splitlines()[0]
    for entry in (entry for part in (schema, *definitions.values()) for entry in part.get("properties", {}).values()):
        if "description" in entry:
            entry["description"] = " ".join(entry["description"].split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": title,
        "description": description,
        "required": _required(whole),
        "$defs": dict(sorted(definitions.items())),
    }


def parts_of(whole: type[Any]) -> frozenset[type[Any]]:
    """The dataclasses that one is made of, itself apart."""
    return frozenset(_dataclasses_of(whole)) - {whole}


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
