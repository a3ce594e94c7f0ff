"""Names of variants: a checkpoint, or a checkpoint under a scenario. The one place that makes them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from replay.config.sections.checkpoints import SpliceConfig
from replay.config.sections.diff import render_duration
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.skew import SkewMatrixConfig

if TYPE_CHECKING:
    from replay.config.sections.replay import ReplayConfig

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")


@dataclass(frozen=True)
class Scenario:
    """One what-if, with a single rate and lag in each of its steps.

    Attributes:
        name: ``counts_null``, or ``counts_dose@0.1`` where a step of the config lists several values.
        salt: Name in the config, ``counts_dose``: what is hashed, so that a higher rate only adds rows.
        perturbations: Its steps, in order.
    """

    name: str
    salt: str
    perturbations: tuple[Perturbation, ...]


def expand_scenarios(config: ReplayConfig) -> tuple[Scenario, ...]:
    """The scenarios of a config: one for every value of a listed rate or lag, and those that `sensitivity` asks for."""
    found = [scenario for name, steps in config.scenarios.items() for scenario in expand_scenario(name, steps)]
    if config.sensitivity:
        found += [
            Scenario(
                sensitivity_name(family), sensitivity_name(family), (Perturbation(op="nulls", families=(family,)),)
            )
            for family in config.model.families
        ]
    return tuple(found)


def sensitivity_name(family: str) -> str:
    """Name of the scenario in which a family is null everywhere.

    >>> sensitivity_name("counts 7d")
    'null.counts_7d'
    """
    return f"null.{_NOT_IN_NAMES.sub('_', family)}"


def expand_scenario(name: str, steps: Sequence[Perturbation]) -> Iterator[Scenario]:
    """The scenarios that one of a config stands for: every combination of the values that its steps list.

    >>> steps = [Perturbation(op="nulls", features=("a",), rate=(0.1, 1.0))]
    >>> [scenario.name for scenario in expand_scenario("dose", steps)]
    ['dose@0.1', 'dose@1']
    """
    choices = [tuple(itertools.product(step.rate, step.lag or (None,))) for step in steps]
    for values in itertools.product(*choices):
        parts = [name]
        expanded = []
        for step, (rate, lag) in zip(steps, values, strict=True):
            parts += [value_text(rate)] if len(step.rate) > 1 else []
            parts += [value_text(lag)] if lag is not None and len(step.lag or ()) > 1 else []
            expanded.append(step.model_copy(update={"rate": (rate,), "lag": None if lag is None else (lag,)}))
        yield Scenario("@".join(parts), name, tuple(expanded))


def value_text(value: float | timedelta) -> str:
    """One value of a list as it stands in a variant's name.

    >>> value_text(0.1), value_text(1.0), value_text(timedelta(hours=3))
    ('0.1', '1', '3h')
    """
    return render_duration(value) if isinstance(value, timedelta) else repr(float(value)).removesuffix(".0")


def skew_variant(modules: Sequence[str], versions: Sequence[str], rest: str | None = None) -> str:
    """Name of a pairing of module versions; of a consistent one, the checkpoint itself.

    Args:
        modules: Prefixes of parameter names.
        versions: Checkpoint of each.
        rest: Checkpoint of all other parameters; None: that of the first module.

    >>> skew_variant(("query", "item"), ("v1", "v2")), skew_variant(("query", "item"), ("v2", "v2"))
    ('query.v1+item.v2', 'v2')
    """
    if len({*versions, rest or versions[0]}) == 1:
        return versions[0]
    return "+".join(f"{_as_name(module)}.{version}" for module, version in zip(modules, versions, strict=True))


def _as_name(text: str) -> str:
    """A text with "_" for what the name of a checkpoint may not have; it starts with a letter, a digit or "_"."""
    name = _NOT_IN_NAMES.sub("_", text)
    return name if name[:1].isalnum() else f"_{name[1:]}"


def skew_pairings(config: SkewMatrixConfig) -> Iterator[tuple[str, SpliceConfig]]:
    """The checkpoints that a skew matrix adds, by name: a splice for every pairing that is not consistent."""
    for versions in itertools.product(*config.modules.values()):
        if len({*versions, config.rest or versions[0]}) > 1:
            name = skew_variant(tuple(config.modules), versions, config.rest)
            globs = {f"{module}.*": version for module, version in zip(config.modules, versions, strict=True)}
            yield name, SpliceConfig(splice={**globs, "*": config.rest or versions[0]})


def variant_names(config: ReplayConfig) -> tuple[str, ...]:
    """Every variant: the baseline, the other checkpoints, then each scenario checkpoint under each scenario."""
    checkpoints = (config.baseline, *(name for name in config.all_checkpoints if name != config.baseline))
    scenarios = [scenario.name for scenario in expand_scenarios(config)]
    perturbed = config.scenario_checkpoints or (config.baseline,)
    return (*checkpoints, *(f"{checkpoint}/{scenario}" for checkpoint in perturbed for scenario in scenarios))
