"""Variants by name: every one a column of its own, and every gate about one that there is.

All over plain data, sound or not: what has a wrong shape is skipped, as that is another mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.plain import mapping, mappings, texts
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.skew import SkewMatrixConfig
from replay.config.sections.traffic import columns_by_role
from replay.config.variants import expand_scenario, sensitivity_name, skew_pairings

# What a run writes into the scores table beside the roles of `traffic`; `online` is also a name in gates.
_OWN_COLUMNS = ("rejected", "online")
_ONLINE = "online"
_MOST_NAMES = 20
_STEPS = TypeAdapter(tuple[Perturbation, ...])


@dataclass(frozen=True)
class _Named:
    """A variant, or a scenario.

    Attributes:
        name: Its name.
        path: What gives it the name, in the config.
        whose: What a column of that name would be, in a message.
    """

    name: str
    path: KeyPath
    whose: str

    def under(self, checkpoint: str) -> _Named:
        """A scenario as the variant that it makes of a checkpoint."""
        name = f"{checkpoint}/{self.name}"
        return _Named(name, self.path, f"of another variant (`{name}`)")


def check_variants(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check the names that variants get, and those that gates give.

    Args:
        data: The whole config as plain data.
    """
    checkpoints = [*_checkpoints(data), *_pairings(data)]
    scenarios, unread = _scenarios(data)
    baseline = _baseline(data)
    perturbed = {name.casefold(): name for name in texts(data.get("scenario_checkpoints")) or texts(baseline)}
    variants = [*checkpoints, *(scenario.under(name) for name in perturbed.values() for scenario in scenarios)]
    yield from _check_columns(variants, data)
    yield from _check_slices(data)
    known = [variant.name for variant in variants]
    for place, gate in mappings(data.get("gates")):
        variant = gate.get("variant")
        if not isinstance(variant, str) or not variant or variant.partition("/")[2].partition("@")[0] in unread:
            continue  # what is wrong with it, or with its scenario, is told already
        if checkpoints and variant not in (*known, _ONLINE):
            message = f"`{variant}` is no variant of this config{_instead(variant, known)}"
            yield Finding(("gates", place, "variant"), message)
        yield from (finding.under(("gates", place)) for finding in _check_against(gate, baseline))


def _instead(variant: str, known: list[str]) -> str:
    """What a gate may have meant: a value of those that its scenario lists, or a name that is near."""
    values = [name for name in known if name.startswith(f"{variant}@")]
    if not values and (near := nearest(variant, known)) is not None:
        return suggestion(near)
    return f": it has {listing((values or known)[:_MOST_NAMES])}"


def _check_against(gate: Mapping[str, Any], baseline: object) -> Iterator[Finding]:
    if gate["variant"] == baseline and gate.get("against") == "baseline":
        yield Finding(("against",), "the baseline is not compared with itself: use `against: online`")
    if gate["variant"] == _ONLINE and gate.get("against") is not None:
        yield Finding(("against",), "`online` are the scores that others are compared with: leave `against` out")


def _check_slices(data: Mapping[str, Any]) -> Iterator[Finding]:
    """A slice is `segment=value`, of a segment that the traffic has."""
    segments = texts(mapping(data.get("traffic")).get("segments"))
    for place, gate in mappings(data.get("gates")):
        found = gate.get("slice")
        if not isinstance(found, str) or not found:
            continue
        segment, equals, _ = found.partition("=")
        if not equals:
            yield Finding(("gates", place, "slice"), f"found `{found}`, expected `segment=value`, such as surface=home")
        elif segment not in segments:
            end = suggestion(nearest(segment, segments)) or f": it has {listing(segments) or 'none'}"
            yield Finding(("gates", place, "slice"), f"`{segment}` is not among `traffic.segments`{end}")


def _baseline(data: Mapping[str, Any]) -> object:
    return data.get("baseline") or next(iter(mapping(data.get("checkpoints"))), None)


def _checkpoints(data: Mapping[str, Any]) -> Iterator[_Named]:
    for name in mapping(data.get("checkpoints")):
        if isinstance(name, str):
            yield _Named(name, ("checkpoints", name), f"of another checkpoint (`{name}`)")


def _pairings(data: Mapping[str, Any]) -> Iterator[_Named]:
    """What the skew matrix adds; a matrix that cannot be read adds nothing."""
    try:
        matrix = SkewMatrixConfig.model_validate(data.get("skew_matrix"))
    except ValidationError:
        return
    for name, _ in skew_pairings(matrix):
        yield _Named(name, ("skew_matrix", "modules"), f"of another pairing (`{name}`)")


def _scenarios(data: Mapping[str, Any]) -> tuple[list[_Named], set[str]]:
    """The scenarios that can be read, one for each value of a listed rate or lag; and names of those that cannot."""
    found: list[_Named] = []
    unread: set[str] = set()
    for salt, steps in mapping(data.get("scenarios")).items():
        try:
            expanded = expand_scenario(salt, _STEPS.validate_python(steps))
        except ValidationError:
            unread.add(salt)
            continue
        # A value that is listed twice is told where it stands.
        found += [_Named(name, ("scenarios", salt), "") for name in dict.fromkeys(each.name for each in expanded)]
    if data.get("sensitivity") is True:
        for family in mapping(mapping(data.get("model")).get("families")):
            name = sensitivity_name(str(family))
            found.append(_Named(name, ("model", "families", family), ""))
    return found, unread


def _check_columns(variants: list[_Named], data: Mapping[str, Any]) -> Iterator[Finding]:
    """Every variant is a column of the scores table, where Spark does not tell upper from lower case."""
    taken = {name.casefold(): f"of the run itself (`{name}`)" for name in _OWN_COLUMNS}
    for role, names in columns_by_role(mapping(data.get("traffic"))).items():
        for name in names:
            taken.setdefault(name.casefold(), f"of the traffic (`{role}: {name}`)")
    told: set[KeyPath] = set()
    for variant in variants:
        whose = taken.setdefault(variant.name.casefold(), variant.whose)
        if whose is not variant.whose and variant.path not in told:
            told.add(variant.path)
            yield Finding(
                variant.path,
                f"the name `{variant.name}` is a column {whose}: both go into the scores table, so give another name",
            )
