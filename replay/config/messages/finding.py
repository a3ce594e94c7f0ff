"""A mistake and its path in the config, before the path becomes a line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from replay.errors.excerpt import Excerpt

KeyPath = tuple[str | int, ...]
"""A path into the config: keys of mappings and indices of lists, from the top."""

FINDINGS = "findings"
"""Type of the pydantic error that carries findings in its context."""

_PLAIN_KEY = re.compile(r"[^.\[\]'\"=\s]+")


@dataclass(frozen=True)
class Finding:
    """One mistake.

    Attributes:
        path: Where; relative to the section that was checked.
        message: What was found, what was expected, what to do.
        line: 1-based line in the file, where the path alone does not give it.
        excerpt: The same of the text that it is about.
        of_key: The key is wrong, rather than its value.
    """

    path: KeyPath
    message: str
    line: int | None = None
    excerpt: Excerpt | None = field(default=None, compare=False)
    of_key: bool = field(default=False, compare=False)

    def under(self, prefix: KeyPath) -> Finding:
        """The same mistake, seen from further up."""
        return replace(self, path=(*prefix, *self.path))


def refuse(findings: Iterable[Finding], error: ValidationError | None = None) -> None:
    """Raise what a section's own checks found, all at once, in the form that pydantic collects.

    Args:
        findings: What was found; paths are relative to the section.
        error: What pydantic found in the same section.

    Raises:
        PydanticCustomError: There is at least one finding, and no ``error``.
        ValidationError: There is at least one finding, raised with those of ``error``.
    """
    found = tuple(findings)
    if not found:
        return
    text = "; ".join(": ".join(part for part in (render_path(one.path), one.message) if part) for one in found)
    custom = PydanticCustomError(FINDINGS, "{text}", {"text": text, FINDINGS: found})
    if error is None:
        raise custom
    details = [_init_details(detail) for detail in error.errors(include_url=False)]
    details.append({"type": custom, "input": None})
    raise ValidationError.from_exception_data(error.title, details)


def _init_details(detail: ErrorDetails) -> InitErrorDetails:
    """One of pydantic's errors in the form that a new ``ValidationError`` is made of."""
    kind, context = detail["type"], detail.get("ctx", {})
    given = PydanticCustomError(FINDINGS, "{text}", context) if kind == FINDINGS else kind
    return {"type": given, "loc": detail["loc"], "input": detail["input"], "ctx": context}


def render_path(path: KeyPath) -> str:
    """Write a path the way ``--set`` reads it.

    >>> render_path(("model", "inputs", 0, "missing", "features.ctr_7d"))
    "model.inputs[0].missing['features.ctr_7d']"
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            quoted = part.replace("'", "''")
            text += f"['{quoted}']"
    return text
