"""Parts of the config's contract that this version cannot do yet: said so, never ignored."""

from __future__ import annotations

import copy
from typing import Any

from replay.config.finding import Finding
from replay.config.plain import mapping

_SECTIONS = {
    "scenarios": "perturbed variants",
    "scenario_checkpoints": "perturbed variants",
    "gates": "gates",
}
_DERIVED = ("from", "splice", "route")
_STAND_IN = {"path": "not-supported"}


def set_aside(data: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Take out what this version does not support.

    Args:
        data: The config as plain data; it is not changed.

    Returns:
        The data without those parts, and a finding for each. A derived checkpoint keeps its name, so that others may
        refer to it.
    """
    data = copy.deepcopy(data)
    findings = []
    for key, what in _SECTIONS.items():
        if key in data:
            findings.append(Finding((key,), f"{what} are not supported by this version: take `{key}` out"))
            del data[key]
    for name, entry in mapping(data.get("checkpoints")).items():
        derived = next((key for key in _DERIVED if key in mapping(entry)), None)
        if derived is not None:
            message = f"derived checkpoints (`{derived}`) are not supported by this version: give a file as `path`"
            findings.append(Finding(("checkpoints", name), message))
            data["checkpoints"][name] = dict(_STAND_IN)
    diff = mapping(data.get("diff"))
    if diff.get("tolerance") == "auto":
        message = "`auto` (the measured noise floor) is not supported by this version: give {abs: 1.0e-6, rel: 1.0e-5}"
        findings.append(Finding(("diff", "tolerance"), message))
        del diff["tolerance"]
    return data, findings
