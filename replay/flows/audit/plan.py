"""What is replayed to cost the differences that were found: scenarios, each of a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from replay.config import AuditConfig, Perturbation, ReplayConfig
from replay.config.sections.base import NOT_IN_NAMES
from replay.config.sections.traffic import Sample
from replay.flows.audit.name_differences import NamedDifference

TOGETHER: Final = "all"
MOST_FEATURES: Final = 300
"""Features that are costed by themselves, those that differ in most rows first; the others with their family alone."""
CORE_ROWS: Final = 20_000
"""Rows in which a feature is null, to measure what it matters."""
StepsOf = Callable[[Sequence[NamedDifference]], Iterable[Perturbation]]
"""What happens to rows in which some features differ."""


@dataclass(frozen=True)
class CostPlan:
    """The scenarios of one audit.

    Attributes:
        audit: Its name.
        features: Scenario by feature.
        families: Scenario by family, of those with several features that differ.
        together: The scenario of all differences; None where there is none.
        core: Scenario by feature, in each of which it is null in some rows.
        checkpoints: What the differences are costed to, the first one first.
        steps: What happens in each scenario.
        rows: Rows that are scored for the costs, if none is left out.
        refused: Features whose values the model cannot be given, each with the reason.
    """

    audit: str
    checkpoints: tuple[str, ...]
    features: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    together: str | None = None
    core: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, tuple[Perturbation, ...]] = field(default_factory=dict)
    rows: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)

    def variant(self, scenario: str, checkpoint: str | None = None) -> str:
        """The variant of a scenario, of the first checkpoint or another."""
        return f"{checkpoint or self.checkpoints[0]}/{scenario}"


def plan_costs(
    name: str,
    audit: AuditConfig,
    config: ReplayConfig,
    differences: Sequence[NamedDifference],
    families: Mapping[str, Sequence[str]],
    refused: Mapping[str, str],
    nullable: Sequence[str],
    rows: int,
    steps_of: StepsOf,
) -> CostPlan:
    """Plan the scenarios of an audit.

    Args:
        name: Of the audit.
        audit: Its section.
        config: Of the run.
        differences: What differs.
        families: Features by family.
        refused: Features whose values the model cannot be given, each with the reason.
        nullable: Features that the model takes a null of, whose core is to be measured; none where it is named.
        rows: Of the table that is replayed.
        steps_of: What happens to rows in which some features differ.
    """
    names = _Names(name, config.scenarios)
    replayed = [each for each in differences if each.feature not in refused]
    chosen = sorted(replayed, key=lambda each: -each.rows)[:MOST_FEATURES]
    steps: dict[str, tuple[Perturbation, ...]] = {}

    def add(scenario: str, some: Sequence[NamedDifference]) -> str:
        steps[scenario] = tuple(steps_of(some))
        return scenario

    features = {each.feature: add(names.make(each.feature), [each]) for each in chosen}
    by_family = {
        family: some
        for family, members in families.items()
        if len(some := [each for each in replayed if each.feature in members]) > 1
    }
    costed = {family: add(names.make(f"family.{family}"), some) for family, some in by_family.items()}
    together = add(names.make(TOGETHER), replayed) if replayed else None
    rate = min(1.0, CORE_ROWS / max(rows, 1))
    core = {feature: names.make(f"without.{feature}") for feature in nullable}
    steps |= {core[each]: (Perturbation(op="nulls", features=(each,), rate=(rate,)),) for each in core}
    touched = [each.rows for each in chosen]
    touched += [min(sum(each.rows for each in some), rows) for some in (*by_family.values(), replayed)]
    checkpoints = audit.checkpoints or (config.baseline,)
    scored = len(checkpoints) * sum(touched)
    return CostPlan(name, checkpoints, features, costed, together, core, steps, scored, refused)


class _Names:
    """Names of scenarios that no other scenario has, made of what they are about."""

    def __init__(self, audit: str, taken: Mapping[str, object]) -> None:
        self._audit = audit
        self._taken = {name.casefold() for name in taken}

    def make(self, about: str) -> str:
        base = NOT_IN_NAMES.sub("_", f"{self._audit}.{about}")
        name, number = base, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name.casefold())
        return name


def values_of_source(source: str) -> StepsOf:
    """The steps that give each row another table's values for its key; nulls where it has no such column."""

    def steps(differences: Sequence[NamedDifference]) -> Iterator[Perturbation]:
        present = tuple(each.feature for each in differences if not each.absent)
        absent = tuple(each.feature for each in differences if each.absent)
        if present:
            yield Perturbation(op="from", source=source, features=present)  # type: ignore[call-arg]
        if absent:
            yield Perturbation(op="nulls", features=absent)

    return steps


def with_plans(config: ReplayConfig, plans: Sequence[CostPlan], budget: int) -> tuple[ReplayConfig, float]:
    """The config of the run that costs differences, and the share of the traffic that it replays.

    Args:
        config: As given.
        plans: Of all audits.
        budget: Most rows that are scored for the costs.
    """
    scenarios = {**config.scenarios}
    checkpoints = list(config.scenario_checkpoints or (config.baseline,))
    for plan in plans:
        scenarios |= plan.steps
        checkpoints += [name for name in plan.checkpoints if name not in checkpoints]
    wanted = sum(plan.rows for plan in plans)
    share = 1.0 if wanted <= budget else budget / wanted
    traffic = config.traffic
    if share < 1.0:
        given = traffic.sample or Sample(rate=1.0, by=(traffic.group,) if traffic.group else ())
        sample = given.model_copy(update={"rate": ceil(given.rate * share * 1e6) / 1e6})
        traffic = traffic.model_copy(update={"sample": sample})
    changed = {"scenarios": scenarios, "scenario_checkpoints": tuple(checkpoints), "traffic": traffic}
    return config.model_copy(update=changed), share
