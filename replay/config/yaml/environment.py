"""``${env:NAME}`` and ``${env:NAME:-default}`` in the values of a config.

A reference is replaced as if its value had been written there: in quotes it is text, without them a number is a number,
and a mapping or a list is never read out of it. A secret, which the variable's name tells, is always text, and only
user code gets one: what else a config holds is written to the manifest and shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.yaml.document import Document
from replay.config.yaml.nodes import plain_value
from replay.errors.secrets import SHORTEST, SecretText, escaped, is_secret

_OPENING = "${env:"
_REFERENCE = re.compile(r"\$\$\{env:|\$\{env:(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


def with_environment(document: Document, environment: Mapping[str, str] | None = None) -> Document:
    """Put the values of variables in the place of references.

    Args:
        document: With ``--set`` written over it.
        environment: Default: the process's.

    Returns:
        The document; what cannot be replaced is a finding, and broken.
    """
    given = os.environ if environment is None else environment
    found = _Replacing(document, given)
    data = found.value(document.data, ())
    if not found.findings:
        return document if not found.replaced else replace(document, data=data)
    findings = (*document.findings, *found.findings)
    return replace(
        document, data=data, findings=findings, broken=document.broken | {one.path for one in found.findings}
    )


@dataclass(frozen=True)
class _Part:
    """A piece of a text.

    Attributes:
        text: As it is read.
        reference: What stands in the file for it; empty for text that stands there itself.
        name: Of the variable.
        is_given: The text comes from the environment, not from the default in the file.
    """

    text: str
    reference: str = ""
    name: str = ""
    is_given: bool = False

    @property
    def may_be_secret(self) -> bool:
        return bool(self.name) and is_secret(self.name)


class _Replacing:
    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self.findings: list[Finding] = []
        self.replaced = False

    def value(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: self.value(entry, (*path, key)) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.value(entry, (*path, index)) for index, entry in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) and _OPENING in value else value

    def _text(self, text: str, path: KeyPath) -> Any:
        self.replaced = True
        parts: list[_Part] = []
        for part in self._parts(text):
            if isinstance(part, str):
                self.findings.append(Finding(path, part))
                return None
            parts.append(part)
        problem = _secret_problem(parts, path)
        if problem is not None:
            self.findings.append(Finding(path, problem))
            return None
        whole = "".join(part.text for part in parts)
        if any(part.may_be_secret for part in parts):
            secrets = [(part.text, part.reference) for part in parts if part.may_be_secret and part.is_given]
            return SecretText(whole, "".join(part.reference or escaped(part.text) for part in parts), secrets)
        return plain_value(whole) if any(part.name for part in parts) and self._is_unquoted(path) else whole

    def _parts(self, text: str) -> Iterator[_Part | str]:
        """The pieces of a text; a message in the place of what is no piece."""
        position = 0
        for match in _REFERENCE.finditer(text):
            yield _Part(text[position : match.start()])
            position = match.end()
            yield _Part(_OPENING) if match["inside"] is None else self._part(match)
        yield _Part(text[position:])

    def _part(self, match: re.Match[str]) -> _Part | str:
        inside = _INSIDE.fullmatch(match["inside"]) if match["end"] else None
        if inside is None:
            return (
                f"found `{match[0]}`, expected ${{env:NAME}} or ${{env:NAME:-default}}; to write one out, double its $"
            )
        name, default = inside["name"], inside["default"]
        value = self._environment.get(name, "")
        if not value and default is None and name not in self._environment:
            return (
                f"the environment has no variable {name}: set it, or give it a default, as in ${{env:{name}:-default}}"
            )
        if not value and default is not None:
            return _Part(default, match[0], name)  # what stands in the file is no secret
        return _Part(value, match[0], name, is_given=True)

    def _is_unquoted(self, path: KeyPath) -> bool:
        """Whether a value stands in the file, or in its option, without quotes."""
        excerpt = self._document.origins.problem(Finding(path, "")).excerpt
        return excerpt is not None and excerpt.text[excerpt.start : excerpt.start + 1] not in ("", "'", '"', "|", ">")


def _secret_problem(parts: list[_Part], path: KeyPath) -> str | None:
    for part in parts:
        if not part.may_be_secret:
            continue
        if not _reaches_user_code(path):
            return (
                f"{part.name} is a secret by its name, and what stands here is written to the manifest and the report: "
                "only `kwargs` take one; a variable that holds none needs another name"
            )
        if part.is_given and 0 < len(part.text) < SHORTEST:
            return (
                f"{part.name} is a secret by its name, and shorter than {SHORTEST} characters: it could not be kept "
                "out of what is written and printed; give a longer one, or the variable another name"
            )
    return None


def _reaches_user_code(path: KeyPath) -> bool:
    """Whether a value is an argument of user code: of a factory, or of a perturbation."""
    depth = {"checkpoints": 2, "scenarios": 3}.get(str(path[0])) if path else None
    return depth is not None and path[depth : depth + 1] == ("kwargs",) and len(path) > depth + 1
