"""Reads a config from a file or from plain data, and reports all of its problems at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from replay.config.contract_files import with_contracts
from replay.config.locations import absolute, absolute_paths, directory_of
from replay.config.messages.finding import Finding, KeyPath
from replay.config.output_template import literal
from replay.config.pydantic_errors import translate
from replay.config.run_start import output_of, resolve
from replay.config.sections.replay import ReplayConfig
from replay.config.unknown_keys import repair_keys
from replay.config.yaml.document import Document, read_document
from replay.config.yaml.environment import with_environment
from replay.config.yaml.overrides import apply_overrides
from replay.config.yaml.places import TextPlace, TextSpan
from replay.errors import ConfigError, Problem
from replay.files.here import look_again


def load_config(
    path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    output: str | os.PathLike[str] | None = None,
    *,
    text: str | None = None,
) -> ReplayConfig:
    """Read a config file.

    Local paths in the file and in ``overrides`` are relative to the file's directory, which becomes ``base_dir``.
    ``${env:NAME}`` in a value is the variable's value; see :mod:`replay.config.yaml.environment`.

    Args:
        path: A YAML file; on this machine, or a URL.
        overrides: ``KEY=VALUE`` each, written over the file's values in their order (``--set`` on the command line),
            such as ``traffic.window.start=2026-11-20T10:00:00Z`` or ``model.inputs[0].dtype=int64``.
        output: Instead of the file's ``output`` (``--output``); relative to the working directory.
        text: What the file holds, where it has been read, from wherever it lies.

    Returns:
        The config, with absolute paths and every default filled in, and with its window and output as of now.

    Raises:
        ConfigError: Everything that is wrong, each with its line, or with the option that it comes from.
    """
    document = apply_overrides(read_document(os.fspath(path), text), overrides)
    if output is not None:
        document = _with_output(document, os.fspath(output))
    return _build(document, directory_of(os.fspath(path)), os.fspath(path))


def build_config(
    data: Mapping[str, Any],
    base_dir: str | os.PathLike[str] | None = None,
    *,
    overrides: Sequence[str] = (),
    source: str | None = None,
) -> ReplayConfig:
    """Build a config from plain data, as a YAML file would hold it.

    Args:
        data: Sections by name.
        base_dir: Where relative paths start; default: the working directory. What the data say of it comes first.
        overrides: As in :func:`load_config`.
        source: Where the data come from, for messages.

    Raises:
        ConfigError: Everything that is wrong.
    """
    directory = absolute(os.fspath(base_dir or "."), os.getcwd())  # noqa: PTH109, text stays text
    return _build(apply_overrides(Document(dict(data)), overrides), directory, source)


def find_output(
    path: str | os.PathLike[str], overrides: Sequence[str] = (), output: str | os.PathLike[str] | None = None
) -> str | None:
    """Where a run of a config that is refused would have written, as far as the file says so.

    Args:
        path: As in :func:`load_config`.
        overrides: As there.
        output: As there.

    Returns:
        A path or a URL; None where it cannot be told.
    """
    try:
        document = apply_overrides(read_document(os.fspath(path)), overrides)
        if output is not None:
            document = _with_output(document, os.fspath(output))
        data = with_environment(document).data
        return output_of(absolute_paths(data, _base_dir(data, directory_of(os.fspath(path)))))
    except (ConfigError, ValueError, TypeError, OSError):
        return None


def _with_output(document: Document, output: str) -> Document:
    data = {**document.data, "output": absolute(output, literal(os.getcwd()))}  # noqa: PTH109, text stays text
    option = f"--output {output}"
    place = TextSpan(1, len(option) - len(output), len(option))
    return document.with_value(data, ("output",), option, places={("output",): TextPlace(place, place)})


def _build(document: Document, base_dir: str, source: str | None) -> ReplayConfig:
    look_again()  # what lies elsewhere is what it is now
    document = with_environment(document)
    config, findings = _validate(document.data, base_dir)
    findings = [*document.findings, *_doubts(document), *(one for one in findings if not _hidden(one, document.broken))]
    if config is not None and not findings:
        return resolve(config.with_origins(document.origins, source))
    problems = dict.fromkeys(document.origins.problem(finding) for finding in findings)
    raise ConfigError(sorted(problems, key=_order), source)


def _validate(data: dict[str, Any], base_dir: str) -> tuple[ReplayConfig | None, list[Finding]]:
    """Validate plain data; where something is wrong, go on with the rest as far as it can be judged."""
    given, base_dir = data.get("base_dir"), _base_dir(data, base_dir)
    data, of_contracts = with_contracts(data, base_dir)
    repaired, findings, renamed = repair_keys(absolute_paths(data, base_dir))
    findings = [*of_contracts, *findings]
    if not given or isinstance(given, str):
        repaired = {**repaired, "base_dir": base_dir}
    config = None
    try:
        config = ReplayConfig.model_validate(repaired)
    except ValidationError as error:
        found = dict.fromkeys(translate(error, repaired))
        findings += [replace(one, path=_in_file(one.path, renamed)) for one in found if one.path not in renamed]
    return config, findings


def _base_dir(data: dict[str, Any], directory: str) -> str:
    given = data.get("base_dir")
    return absolute(given, directory) if isinstance(given, str) and given else directory


def _doubts(document: Document) -> Iterator[Finding]:
    """Values that YAML readers read differently, where any value is allowed: arguments of user code, constants."""
    for path, doubt in document.doubts.items():
        arguments = path[0] == "checkpoints" and path[2:3] == ("kwargs",) and len(path) > 3
        of_a_step = path[0] == "scenarios" and path[3:4] in (("kwargs",), ("value",))
        if arguments or of_a_step:
            yield Finding(path, doubt)


def _in_file(path: KeyPath, renamed: Mapping[KeyPath, KeyPath]) -> KeyPath:
    """The path in the file of a path in the repaired data."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in renamed:
            return (*renamed[path[:depth]], *path[depth:])
    return path


def _hidden(finding: Finding, broken: frozenset[KeyPath]) -> bool:
    """Whether a finding is about a value that could not even be read."""
    return any(finding.path[: len(place)] == place for place in broken)


def _order(problem: Problem) -> tuple[bool, int]:
    return problem.line is None, problem.line or 0
