"""``checkpoints.NAME.model`` as a file: the contract that it holds, in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from replay.config.locations import absolute, absolute_paths, directory_of
from replay.config.messages.finding import Finding
from replay.config.plain import mapping
from replay.config.pydantic_errors import translate
from replay.config.sections.base import Section
from replay.config.sections.model.contract import ModelConfig
from replay.config.unknown_keys import repair_keys
from replay.config.yaml.document import read_document
from replay.config.yaml.environment import with_environment
from replay.errors import ConfigError, Problem


class ContractFile(Section):
    """A file with a contract."""

    model: ModelConfig
    """How logged columns become forward()'s arguments, and its answer a score."""


def with_contracts(data: dict[str, Any], base_dir: str) -> tuple[dict[str, Any], list[Finding]]:
    """Put contracts in the place of the files that checkpoints name.

    A file has a ``model`` section, as a config has, or is the section itself. Relative paths in it start from its own
    directory.

    Args:
        data: The config as plain data; it is not changed.
        base_dir: Where relative paths start.

    Returns:
        The data, and what is wrong with files; a contract with a mistake is left out.
    """
    checkpoints: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, entry in mapping(data.get("checkpoints")).items():
        checkpoints[name] = entry
        path = mapping(entry).get("model")
        if not isinstance(path, str) or not path:
            continue
        section, problems = read_contract(absolute(path, base_dir))
        findings += [Finding(("checkpoints", name, "model"), problem) for problem in problems]
        checkpoints[name] = {**entry, "model": None if problems else section}
    return ({**data, "checkpoints": checkpoints} if checkpoints else data), findings


def read_contract(path: str) -> tuple[dict[str, Any], list[str]]:
    """Read a contract's file.

    Args:
        path: Absolute, or a URL.

    Returns:
        The section as plain data, and what is wrong with it, each with the file and the line.
    """
    try:
        document = with_environment(read_document(path))
    except ConfigError as error:
        return {}, [_told(path, problem) for problem in error.problems]
    bare = "inputs" in document.data
    section = mapping(document.data if bare else document.data.get("model"))
    findings = [*document.findings, *(_outer(one) if bare else one for one in _findings(section))]
    problems = dict.fromkeys(_told(path, document.origins.problem(one)) for one in findings)
    return _absolute(section, directory_of(path)), list(problems)


def _findings(section: dict[str, Any]) -> list[Finding]:
    """What is wrong with a contract, at its paths in a config."""
    whole = {"model": section}
    repaired, findings, _ = repair_keys(whole)
    try:
        ContractFile.model_validate(repaired)
    except ValidationError as error:
        findings = [*findings, *translate(error, repaired)]
    return findings


def _outer(finding: Finding) -> Finding:
    """The same in a file that is the section itself."""
    return replace(finding, path=finding.path[1:])


def _absolute(section: dict[str, Any], directory: str) -> dict[str, Any]:
    """The section with the paths of its vocabularies absolute."""
    return mapping(absolute_paths({"model": section}, directory)["model"])


def _told(path: str, problem: Problem) -> str:
    line = "" if problem.line is None else f", line {problem.line}"
    where = f"`{problem.path}`: " if problem.path else ""
    return f"{path}{line}: {where}{problem.message}"
