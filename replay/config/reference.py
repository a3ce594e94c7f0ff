"""The tables of keys in ``docs/config.md``, written from the models and the docstrings of their fields.

``python -m replay.config.reference docs/config.md`` writes them anew, each between its markers. The text around them is
written by hand.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from replay.config.messages.wording import listing
from replay.config.sections.base import TYPE_WORDS, Section
from replay.config.sections.model.hash import HASHES
from replay.config.sections.model.transform import TRANSFORMS
from replay.config.sections.op_arguments import OPS
from replay.config.sections.replay import ReplayConfig
from replay.config.shape import all_sections, field_of, keys_of

_MARKER = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end of keys -->)", re.DOTALL)
_KINDS_MARKER = re.compile(r"(<!-- (ops|transforms|hashes) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_OPS_HEAD = ["| `op` | arguments | meaning |", "|---|---|---|"]
_PLURAL = re.compile(r"^(name|number|duration|whole number)\b")
_SCALARS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true`, `false`"}


def fill_tables(text: str) -> str:
    """Write the tables of a page anew.

    Args:
        text: The page. The table of a section stands between ``<!-- keys of NAME -->``, NAME being the section's class,
            and ``<!-- end of keys -->``; other tables link to the heading above it. That of all perturbations stands
            between ``<!-- ops -->`` and ``<!-- end of ops -->``; those of transforms and hash functions likewise.
    """
    headings = {match[2]: _HEADING.findall(text[: match.start()])[-1] for match in _MARKER.finditer(text)}
    tables = _Tables(headings)
    kinds = {"ops": _render_ops, "transforms": _render_transforms, "hashes": _render_hashes}
    text = _KINDS_MARKER.sub(lambda match: f"{match[1]}\n{kinds[match[2]]()}\n\n{match[3]}", text)
    return _MARKER.sub(lambda match: f"{match[1]}\n{tables.render(match[2])}\n\n{match[3]}", text)


class _Tables:
    """Renders tables of keys.

    Args:
        headings: By class of a section, the heading of the part that describes it.
    """

    def __init__(self, headings: dict[str, str]) -> None:
        self._headings = headings
        self._sections = {section.__name__: section for _, section in all_sections()}
        whole = ReplayConfig.model_json_schema()
        self._schemas: dict[str, Any] = {**whole["$defs"], ReplayConfig.__name__: whole}

    def render(self, name: str) -> str:
        """The table of one section, by the name of its class."""
        section, properties = self._sections[name], self._schemas[name]["properties"]
        rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
        for key in keys_of(section):
            node, info = properties[key], field_of(section, key)
            assert info is not None
            # What a section holds by default is in its own table.
            default = "required" if info.is_required() else _default({} if "$ref" in node else node.get("default"))
            rows.append(_row(f"`{key}`", self._type(node), default, _markdown(info.description)))
        return "\n".join(rows)

    def _type(self, node: dict[str, Any]) -> str:
        """A type in words."""
        if TYPE_WORDS in node:
            return str(node[TYPE_WORDS])
        if "$ref" in node:
            heading = self._headings[node["$ref"].rpartition("/")[2]]
            return f"[{heading}]({_anchor(heading)})"
        if "const" in node or "enum" in node:
            return listing(f"`{choice}`" for choice in node.get("enum", [node.get("const")]))
        if options := node.get("anyOf") or node.get("oneOf"):
            return " or ".join(dict.fromkeys(self._type(option) for option in options if option.get("type") != "null"))
        if node["type"] == "array":
            return "list of " + _PLURAL.sub(r"\1s", self._type(node["items"]))
        if node["type"] == "object":
            entries = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
            return f"mapping (name: {self._type(entries)})" if isinstance(entries, dict) else "mapping"
        bounds = [f"{sign} {node[bound]}" for bound, sign in _BOUNDS.items() if bound in node]
        return f"{_SCALARS[node['type']]} {listing(bounds)}".strip()


def _render_ops() -> str:
    """The table of perturbations: each with its arguments, and what it does in the first paragraph of its class."""
    rows = [
        _row(f"`{name}`", _arguments(op, op.exactly_one, op.at_least_one), _markdown(op.__doc__))
        for name, op in OPS.items()
    ]
    own = _row("`module:Class`, `file.py:Class`", "`kwargs` (optional)", "A perturbation of your own.")
    return "\n".join([*_OPS_HEAD, *rows, own])


def _render_transforms() -> str:
    """The table of transforms: each with its arguments, and what it does in the first paragraph of its class."""
    rows = [
        _row(f"`{name}`", _arguments(transform, (), transform.at_least_one), _markdown(transform.__doc__))
        for name, transform in TRANSFORMS.items()
    ]
    return "\n".join([*_OPS_HEAD, *rows])


def _render_hashes() -> str:
    """The table of hash functions: each with its defaults, and what it is in all the words of its class."""
    rows = ["| `function` | bits | `seed` | `modulo` | meaning |", "|---|---|---|---|---|"]
    for name, function in HASHES.items():
        seed = "" if function.default_seed is None else f"`{function.default_seed}`"
        words = " ".join(_markdown(part) for part in inspect.cleandoc(function.__doc__ or "").split("\n\n"))
        rows.append(_row(f"`{name}`", str(function.bits), seed, f"`{function.modulo}`", words))
    return "\n".join(rows)


def _arguments(section: type[Section], exactly_one: tuple[str, ...], at_least_one: tuple[str, ...]) -> str:
    """The keys of a step in words."""
    choice = exactly_one or at_least_one
    words = [" or ".join(f"`{key}`" for key in choice) + (", or both" if at_least_one else "")] if choice else []
    for key, info in section.fields_by_key().items():
        if key not in choice:
            words.append(f"`{key}`" if info.is_required() else f"`{key}` (optional)")
    return listing(words)


def _row(*cells: str) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _markdown(docstring: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    paragraph = inspect.cleandoc(docstring or "").partition("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def _anchor(heading: str) -> str:
    """The link to a heading, as GitHub makes it."""
    return "#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _default(value: object) -> str:
    """A default as YAML."""
    if value in (None, ""):
        return ""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return f"`{text.splitlines()[0]}`"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(fill_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
