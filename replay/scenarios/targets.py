"""Which features a step changes, and with which others each shares its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from replay.config.messages.wording import suggestion
from replay.config.names import NoMatch, expand_globs, matches, nearest
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.model.lists import DERIVED
from replay.config.sections.scenarios import Perturbation
from replay.errors import Problem

TOGETHER: Final = "*"
"""The unit of a step whose features all share their rows."""


@dataclass(frozen=True)
class StepTarget:
    """A feature that a step changes.

    Attributes:
        feature: Its name.
        unit: What shares its rows: the feature, its family, or ``*``.
        key: The key of the step that names it: ``features``, ``families`` or that of its partners.
        partner: The feature that it is exchanged with, or None.
    """

    feature: str
    unit: str
    key: str
    partner: str | None = None


def resolve_targets(
    step: Perturbation, path: str, model: ModelConfig, features: Sequence[str], problems: list[Problem]
) -> tuple[StepTarget, ...]:
    """Find the features of a step, each once; one that a family names goes with its (first) family.

    Args:
        step: The step.
        path: Its place in the config.
        model: Its ``families`` are looked up.
        features: Every feature that the model reads.
        problems: Gets what is wrong.
    """
    found: dict[str, StepTarget] = {}
    for place, family in enumerate(step.families):
        for feature in _family(family, f"{path}.families[{place}]", model, features, problems):
            found.setdefault(feature, StepTarget(feature, _unit(step, feature, family), "families"))
    for feature in _expand(step.features, f"{path}.features", features, problems):
        found.setdefault(feature, StepTarget(feature, _unit(step, feature, feature), "features"))
    targets = tuple(found.values())
    key = step.arguments.partner_key
    return targets if key is None else _exchanged(step, f"{path}.{key}", targets, features, problems)


def inputs_of(feature: str, model: ModelConfig, features: Sequence[str]) -> tuple[Input, ...]:
    """The inputs that read a feature."""
    return tuple(
        entry
        for entry in model.inputs
        if entry.feature == feature
        or _covered(feature, (entry.feature,) if entry.feature else entry.features, features)
    )


def derived_of(inputs: Sequence[Input], model: ModelConfig) -> tuple[Input, ...]:
    """The inputs that are made of some others: their masks, lengths and offsets."""
    names = {entry.name for entry in inputs}
    return tuple(
        entry for entry in model.inputs if not names.isdisjoint(filter(None, (getattr(entry, key) for key in DERIVED)))
    )


def _unit(step: Perturbation, feature: str, natural: str) -> str:
    """What a feature shares its rows with."""
    if step.together is None:
        return natural
    return TOGETHER if step.together else feature


def _covered(feature: str, patterns: Sequence[str], features: Sequence[str]) -> bool:
    """Whether one of the patterns takes a feature; a pattern that is a feature's name stands for that one alone."""
    return any(pattern == feature or (pattern not in features and matches(pattern, feature)) for pattern in patterns)


def _family(
    family: str, path: str, model: ModelConfig, features: Sequence[str], problems: list[Problem]
) -> tuple[str, ...]:
    if family not in model.families:
        near = suggestion(nearest(family, model.families))
        problems.append(Problem(f"`{family}` is not among `model.families`{near}", path))
        return ()
    return tuple(feature for feature in features if _covered(feature, model.families[family], features))


def _expand(patterns: Sequence[str], path: str, features: Sequence[str], problems: list[Problem]) -> tuple[str, ...]:
    """Features of names and globs, in their order; what matches nothing is a problem, and is left out."""
    unknown: dict[str, str | None] = {}
    try:
        return expand_globs(patterns, features)
    except NoMatch as error:
        unknown = error.nearest
    problems.extend(
        Problem(f"no input of the model reads `{name}`{suggestion(near)}", f"{path}[{patterns.index(name)}]")
        for name, near in unknown.items()
    )
    return expand_globs([name for name in patterns if name not in unknown], features)


def _exchanged(
    step: Perturbation, path: str, targets: tuple[StepTarget, ...], features: Sequence[str], problems: list[Problem]
) -> tuple[StepTarget, ...]:
    """Both sides of each exchange; a pair shares its rows."""
    known = len(problems)
    partners = _expand(step.arguments.partners, path, features, problems)
    if len(problems) > known or len(partners) != len(targets):  # a feature that is not there is a problem already
        return ()
    key = path.rpartition(".")[2]
    pairs = list(zip(targets, partners, strict=True))
    there = [StepTarget(target.feature, target.unit, target.key, partner) for target, partner in pairs]
    back = [StepTarget(partner, target.unit, key, target.feature) for target, partner in pairs]
    return (*there, *back)
