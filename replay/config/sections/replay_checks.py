"""What no single section of the config can tell.

All over plain data, sound or not: what has a wrong shape is skipped, as that is another mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.plain import mapping, mappings, placed_texts
from replay.config.sections.checkpoint_checks import check_checkpoints, not_a_checkpoint
from replay.config.sections.gates import check_gate
from replay.config.sections.scenario_checks import check_scenarios
from replay.config.sections.skew import check_modules
from replay.config.sections.variant_checks import check_variants

_OWN_TABLES = ("scores", "diffs", "metrics")


def check_replay(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check sections against each other.

    Args:
        data: The config as plain data. What has a wrong shape is skipped: that is another mistake.
    """
    checkpoints = mapping(data.get("checkpoints"))
    yield from _check_names(data, checkpoints)
    yield from (finding.under(("checkpoints",)) for finding in check_checkpoints(checkpoints))
    yield from check_scenarios(data)
    modules = mapping(mapping(data.get("skew_matrix")).get("modules"))
    yield from (finding.under(("skew_matrix", "modules")) for finding in check_modules(modules))
    for place, gate in mappings(data.get("gates")):
        yield from (finding.under(("gates", place)) for finding in check_gate(gate))
    yield from check_variants(data)
    yield from _check_output(data.get("output"), mapping(data.get("traffic")).get("path"))


def _check_names(data: Mapping[str, Any], checkpoints: dict[str, Any]) -> Iterator[Finding]:
    """Names of checkpoints that other sections give."""
    names = [name for name in checkpoints if isinstance(name, str)]
    perturbed = list(_perturbed(data))
    seen: set[str] = set()
    for path, name in perturbed:
        if name in seen:
            yield Finding(path, f"`{name}` is listed twice: keep one")
        seen.add(name)
    for path, name in (*_baseline(data), *perturbed, *_versions(mapping(data.get("skew_matrix")))):
        if names and name not in names:
            yield Finding(path, not_a_checkpoint(name, names))
        elif path[0] == "skew_matrix" and "route" in mapping(checkpoints.get(name)):
            yield Finding(path, f"`{name}` is a route: it has no parameters, name one of its members")


def _perturbed(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    for place, name in placed_texts(data.get("scenario_checkpoints")):
        yield ("scenario_checkpoints", *place), name


def _baseline(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    baseline = data.get("baseline")
    if isinstance(baseline, str) and baseline:
        yield ("baseline",), baseline


def _versions(matrix: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    for module, versions in mapping(matrix.get("modules")).items():
        for place, name in placed_texts(versions):
            yield ("skew_matrix", "modules", module, *place), name
    if isinstance(matrix.get("rest"), str):
        yield ("skew_matrix", "rest"), matrix["rest"]


def _check_output(output: object, traffic: object) -> Iterator[Finding]:
    if not isinstance(output, str) or not isinstance(traffic, str) or not output or not traffic:
        return
    output, traffic = output.rstrip("/"), traffic.rstrip("/")
    if f"{output}/".startswith(f"{traffic}/"):
        yield Finding(("output",), f"lies in the traffic ({traffic}): expected another directory")
    elif any(f"{traffic}/".startswith(f"{output}/{table}/") for table in _OWN_TABLES):
        yield Finding(("output",), f"holds the traffic ({traffic}), which the run would replace: expected another one")
