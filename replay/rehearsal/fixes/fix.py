"""A fix as a user takes it: what it does in words, and the YAML to paste."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replay.config import Input, Problem, ReplayConfig
from replay.config.yaml.writing import to_flow
from replay.rehearsal.fixes.bench import Bench
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.trial import try_scores

_ALL = 0.9  # of the compared rows: a fix of so many is about all of them


@dataclass(frozen=True)
class Fix:
    """A change of the config with which the baseline agrees with online.

    Attributes:
        words: What is changed, how many rows then agree, and how many without it.
        yaml: The sections and entries that change, whole, each under a comment that says where it goes.
        settings: The same as data, by key path.
        rows: Sampled rows that it is about: those that it gives another score.
        agree: Of these, rows that agree with it.
        agree_before: Of these, rows that agree without it.
        changes: Each change in words.
        equivalent: Other changes that explain as much, in words.
    """

    words: str
    yaml: str
    settings: Mapping[str, Any]
    rows: int
    agree: int
    agree_before: int
    changes: tuple[str, ...] = ()
    equivalent: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        return dict(vars(self))


def write_fix(bench: Bench, config: ReplayConfig, contract: Contract, equivalent: tuple[str, ...]) -> Fix:
    """Say a contract that was found.

    Args:
        bench: Where it was found.
        config: What it mends.
        contract: Explains.
        equivalent: Others that do, in words.
    """
    rows = np.concatenate((bench.fit, bench.confirm))
    trial = try_scores(bench, contract, bench.scores(contract, rows), rows)
    settings = _settings(config, contract)
    counts = (trial.hits, trial.rows, trial.hits_before)
    if trial.rows >= _ALL * len(rows):
        counts = (trial.total, len(rows), int(trial.before.sum()))
    agree, about, before = counts
    which = "rows" if about == len(rows) else "rows that it is about"
    said = f"with {' and '.join(contract.changes)} {agree:,} of {about:,} {which} agree ({before:,} before)"
    return Fix(
        said + "".join(f"; with {other} as many do" for other in equivalent),
        "\n".join(line for path, value in settings.items() for line in _pasted(config, path, value)),
        settings,
        about,
        agree,
        before,
        contract.changes,
        equivalent,
    )


def _settings(config: ReplayConfig, contract: Contract) -> dict[str, Any]:
    """The sections and entries of the config that the contract has otherwise, whole."""
    found: dict[str, Any] = {}
    for place, (before, after) in enumerate(zip(config.model.inputs, contract.model.inputs, strict=True)):
        if before is not after and before.model_dump_json() != after.model_dump_json():
            found[f"model.inputs[{place}]"] = _entry(after, config.base_dir)
    if contract.model.output != config.model.output:
        output = contract.model.output.model_dump(mode="json", exclude_unset=True)
        found["model.output"] = {key: _as_written(value) for key, value in output.items() if value is not None}
    if contract.tolerance != Contract.of(config).tolerance:
        tolerance = {"abs": contract.tolerance.abs, "rel": contract.tolerance.rel}
        diff = config.diff.model_dump(mode="json", exclude_unset=True)
        found["diff"] = {**diff, "tolerance": tolerance}
    return found


def _as_written(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _entry(entry: Input, base_dir: str) -> dict[str, Any]:
    """An input as one writes it: its vocabulary as seen from the config's directory."""
    written = entry.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if entry.vocabulary is not None and base_dir and Path(entry.vocabulary).is_relative_to(base_dir):
        written["vocabulary"] = str(Path(entry.vocabulary).relative_to(base_dir))
    if "transform" in written:
        written["transform"] = _short(written["transform"])
    return written


def _short(transform: Any) -> Any:
    """Steps without arguments as their names, and a list of one as its step."""
    if isinstance(transform, dict):
        return {name: _short(steps) for name, steps in transform.items()}
    steps = [step["op"] if len(step) == 1 else step for step in transform]
    return steps[0] if len(steps) == 1 else steps


def _pasted(config: ReplayConfig, path: str, value: Mapping[str, Any]) -> list[str]:
    line = config.locate(Problem("", path)).line if _is_given(config, path) else None
    where = f"# {path}" + ("" if line is None else f", in place of what begins at line {line}")
    if path == "diff":
        return [where, f"diff: {to_flow(value)}"]
    if path == "model.output":
        return [f"  {where}", f"  output: {to_flow(value)}"]
    return [f"    {where}", f"    - {to_flow(value)}"]


def _is_given(config: ReplayConfig, path: str) -> bool:
    section = config if path == "diff" else config.model
    return path.startswith("model.inputs") or path.split(".")[-1] in section.model_fields_set
