"""A YAML document as plain data that remembers its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from replay.config.locations import is_local
from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.no_such_file import unreadable
from replay.config.yaml.nodes import NodeReader, PlainLoader, TooLargeError
from replay.config.yaml.origins import Origins, without
from replay.config.yaml.path_mistakes import a_directory, no_config
from replay.config.yaml.places import TextPlace, TextSpan, excerpt_at, split_lines
from replay.errors import ConfigError, Problem, UsageError
from replay.errors.excerpt import Excerpt
from replay.files.kinds import odd_kind
from replay.files.places import NO_CREDENTIALS, holds_credentials
from replay.files.reading import open_input

MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class Document:
    """A YAML document as plain data.

    Attributes:
        data: Mappings with text keys, lists and scalars. A value that could not be read is None.
        origins: Lines and options by path.
        doubts: Values that YAML readers read differently, and what to do; they matter only where any value is allowed.
        findings: What is wrong, as far as it can be said without knowing what the document means.
        broken: Paths whose value could not be read, so that nothing more can be said about them.
    """

    data: Any
    origins: Origins = Origins()  # noqa: RUF009, frozen
    doubts: Mapping[KeyPath, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    broken: frozenset[KeyPath] = frozenset()

    def with_value(
        self,
        data: Any,
        path: KeyPath,
        option: str,
        made: tuple[KeyPath, ...] = (),
        places: Mapping[KeyPath, TextPlace] | None = None,
    ) -> Document:
        """The document after an option set the value at a path; see ``Origins.replaced``."""
        return replace(
            self,
            data=data,
            origins=self.origins.replaced(path, option, made, places),
            doubts=without(self.doubts, path),
            broken=frozenset(place for place in self.broken if place[: len(path)] != path),
        )


class YamlError(ValueError):
    """Text that cannot be read as one YAML document.

    Attributes:
        problem: What is wrong, with its line where there is one.
    """

    def __init__(self, message: str, line: int | None = None, excerpt: Excerpt | None = None) -> None:
        self.problem = Problem(message, line=line, excerpt=excerpt)
        super().__init__(message)


def read_document(path: str | Path, text: str | None = None) -> Document:
    """Read a YAML file, here or at a URL, whose top level is a mapping; of a ``text``, only its name is used.

    Mistakes that leave the rest readable (a key given twice, a tag) are in ``findings``.

    Raises:
        ConfigError: There is no such file, or it is not one YAML mapping.
        UsageError: Its URL has credentials in it.
    """
    source = str(path)
    if holds_credentials(source):
        raise UsageError(f"the config {NO_CREDENTIALS}")
    try:
        document = parse_yaml(_read_text(source) if text is None else text)
    except YamlError as error:
        raise ConfigError([error.problem], source) from error
    if isinstance(document.data, dict):
        return document
    if document.broken:
        raise ConfigError([document.origins.problem(finding) for finding in document.findings], source)
    if document.data is None:
        raise ConfigError([Problem("the file is empty: expected a config, `replay init` drafts one")], source)
    kind = "a list" if isinstance(document.data, list) else "a single value"
    place = document.origins.places[()].value
    excerpt = excerpt_at(document.origins.text, place)
    problem = Problem(f"found {kind}, expected sections such as `traffic:`", line=place.line, excerpt=excerpt)
    raise ConfigError([problem], source)


def parse_yaml(text: str) -> Document:
    """Read one YAML value of any kind.

    Raises:
        YamlError: It is not YAML, or too large or too deep to be a config.

    >>> parse_yaml("{rate: 1e-6, by: [no, on]}").data
    {'rate': 1e-06, 'by': ['no', 'on']}
    """
    reader = NodeReader(text)
    try:
        root = _compose(text)
        data = None if root is None else reader.read(root)
    except TooLargeError as error:
        raise YamlError(str(error), error.line) from error
    origins = Origins(reader.lines, places=reader.places, text=reader.text)
    return Document(data, origins, reader.doubts, tuple(reader.findings), frozenset(reader.broken))


def _read_text(source: str) -> str:
    content = _content(Path(source)) if is_local(source) else _content_elsewhere(source)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise YamlError("not UTF-8 text: expected a YAML config", line) from error


def _content(path: Path) -> bytes:
    if (kind := odd_kind(path)) is not None and not (kind == "a pipe" and _is_handed_over(path)):
        raise YamlError(f"found {kind}, expected a YAML file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise YamlError(no_config(path)) from error
    except IsADirectoryError as error:
        raise YamlError(a_directory(path)) from error
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise _too_large(max(size, len(content)))
    return content


def _content_elsewhere(url: str) -> bytes:
    try:
        with open_input(url) as file:
            if file.size() > MAX_BYTES:
                raise _too_large(file.size())
            return bytes(file.read())
    except (OSError, ValueError, NotImplementedError) as error:
        raise YamlError(unreadable(url, error).removeprefix(f"{url}: ")) from error


def _too_large(size: int) -> YamlError:
    return YamlError(
        f"found {size:,} bytes, expected a YAML config, which has at most {MAX_BYTES:,}: is this the right file?"
    )


def _is_handed_over(path: Path) -> bool:
    """Whether a pipe is one that a shell opened for this process: ``/dev/stdin``, or ``<(command)``."""
    return str(path) == "/dev/stdin" or str(path).startswith(("/dev/fd/", "/proc/self/fd/"))


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = PlainLoader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        before = split_lines(text[: error.position])
        message = f"not YAML: the character U+{int(error.character):04X} is not allowed"
        raise _at(text, len(before), len(before[-1]), message) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            raise YamlError(_syntax_message(error)) from error
        raise _at(text, mark.line + 1, mark.column, _syntax_message(error)) from error


def _at(text: str, line: int, column: int, message: str) -> YamlError:
    """What is wrong at one character."""
    excerpt = excerpt_at(split_lines(text), TextSpan(line, column, column + 1))
    return YamlError(message, line, excerpt if excerpt is not None and excerpt.text.strip() else None)


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    what = ", ".join(part for part in (error.context, error.problem) if part)
    hint = ""
    if r"'\t'" in what:
        hint = ": indent with spaces"
    elif "found another document" in what:
        hint = ": one file describes one replay"
    elif "cannot start any token" in what or "found '<scalar>'" in what:
        hint = ": put the value in quotes"
    elif "mapping values are not allowed" in what:
        hint = ": put a value that holds `: ` in quotes, and check the indentation"
    return f"not valid YAML: {what}{hint}"
