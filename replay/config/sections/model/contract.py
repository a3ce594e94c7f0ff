"""The model's contract: its inputs, its output, and the families of its features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from replay.config.messages.finding import Finding
from replay.config.messages.wording import suggestion
from replay.config.names import Patterns, nearest
from replay.config.plain import mapping, mappings, texts
from replay.config.sections.base import Section, SomeColumnNames
from replay.config.sections.model.input import Input
from replay.config.sections.model.lists import DERIVED
from replay.config.sections.model.output import Output


class ModelConfig(Section):
    """The model's contract with the logged features."""

    call: Literal["positional", "keyword", "dict"] = "positional"
    """How forward() takes the inputs: by position, by name, or as one dict."""
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    """forward()'s arguments, in order."""
    output: Output = Output()
    """How forward()'s answer becomes one score a row."""
    families: dict[str, SomeColumnNames] = Field(default={})
    """Named groups of features (globs allowed) that fail together: one feature server, one aggregation job."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Inputs have different names, masks and offsets are of inputs that exist, and some input reads each family."""
        inputs = mappings(data.get("inputs"))
        first: dict[str, int] = {}
        for index, entry in inputs:
            name = entry.get("name")
            if not isinstance(name, str):
                continue
            if name in first:
                yield Finding(
                    ("inputs", index, "name"), f"`{name}` is the name of inputs[{first[name]}] too: names differ"
                )
            first.setdefault(name, index)
            if data.get("call") == "keyword" and not name.isidentifier():
                yield Finding(("inputs", index, "name"), f"`{name}` cannot be a keyword argument of forward()")
            for key in DERIVED:
                if isinstance(entry.get(key), str):
                    yield from _check_source(index, key, entry, inputs)
        yield from _check_flat(inputs)
        yield from _check_families(data, [entry for _, entry in inputs])


def _check_source(
    index: int, key: str, entry: Mapping[str, Any], inputs: tuple[tuple[int, dict[str, Any]], ...]
) -> Iterator[Finding]:
    """Check that a mask is of an input of padded lists, and offsets of one of lists end to end."""
    wanted = entry[key]
    path = ("inputs", index, key)
    by_name = {other["name"]: other for _, other in inputs if isinstance(other.get("name"), str)}
    if wanted not in by_name:
        near = nearest(wanted, [name for name in by_name if name != entry.get("name")])
        yield Finding(path, f"no input is named `{wanted}`{suggestion(near)}")
    elif by_name[wanted].get("feature") is None:
        yield Finding(path, f"`{wanted}` is not a `feature` input: only a list column has {DERIVED[key]}")
    elif key == "mask_of" and by_name[wanted].get("ragged") is not None:
        yield Finding(
            path, f"`{wanted}` is not padded: lists end to end have `offsets_of` or `lengths_of`, and no mask"
        )
    elif key == "offsets_of" and by_name[wanted].get("ragged") is None:
        yield Finding(path, f"`{wanted}` is padded: give it `ragged: flat`, or take its `mask_of`")


def _check_flat(inputs: tuple[tuple[int, dict[str, Any]], ...]) -> Iterator[Finding]:
    """Check that lists end to end have offsets; offsets of a name that is nowhere may be meant as theirs."""
    names = {name for _, entry in inputs if isinstance(name := entry.get("name"), str)}
    sources = {
        entry[key] for _, entry in inputs for key in ("offsets_of", "lengths_of") if isinstance(entry.get(key), str)
    }
    for index, entry in inputs:
        name = entry.get("name")
        if entry.get("ragged") == "flat" and isinstance(name, str) and name not in sources and sources <= names:
            yield Finding(
                ("inputs", index, "ragged"),
                f"lists end to end need their offsets: add {{name: offsets, dtype: int64, offsets_of: {name}}}",
            )


def _check_families(data: Mapping[str, Any], inputs: list[dict[str, Any]]) -> Iterator[Finding]:
    """A family may hold features that this model does not read, but not only such."""
    read = Patterns(name for entry in inputs for key in ("features", "feature") for name in texts(entry.get(key)))
    for family, value in mapping(data.get("families")).items():
        patterns = texts(value)
        if not read.names or not patterns or any(read.may_meet(pattern) for pattern in patterns):
            continue
        near = next((near for pattern in patterns if (near := nearest(pattern, read.names)) is not None), None)
        yield Finding(("families", family), f"no input reads any of its features{suggestion(near)}")
