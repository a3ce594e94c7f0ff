"""What is replayed to cost the differences that were found: scenarios, each of a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from replay.config import AuditConfig, Perturbation, ReplayConfig
from replay.config.sections.base import NOT_IN_NAMES
from replay.config.sections.traffic import TrafficConfig
from replay.flows.audit.name_differences import NamedDifference
from replay.traffic.paths import require_column
from replay.traffic.read.selecting.filters import sample_threshold

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

    @property
    def costing(self) -> frozenset[str]:
        """The scenarios that cost differences, without those that measure what matters."""
        return frozenset(self.steps) - frozenset(self.core.values())

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


@dataclass(frozen=True)
class CostedShare:
    """The share of the rows that differences are costed on, where the budget does not do for all: drawn by hash.

    Attributes:
        rate: Share of the selected rows.
        columns: What is hashed: of the traffic, and of the scores table too.
        threshold: Rows whose ``xxhash64``, as Spark has it, is below it are in; signed.
        where: The same as a condition in Spark SQL on the traffic.
    """

    rate: float
    columns: tuple[str, ...]
    threshold: int
    where: str


def share_of(config: TrafficConfig, schema: pa.Schema, rate: float) -> CostedShare | None:
    """Draw a share of the rows that a config selects; None where that is all of them.

    Whole groups are drawn, where there are any: intervals are clustered by them.

    Args:
        config: The traffic's section.
        schema: The traffic's.
        rate: Share of the selected rows.
    """
    columns = (config.group,) if config.group else config.key
    sample = config.sample
    # A sample by the same hash has its low hashes alone.
    within = sample.rate if sample is not None and (sample.by or config.key) == columns else 1.0
    threshold = sample_threshold(within * rate)
    if rate >= 1.0 or threshold is None:
        return None
    hashed = ", ".join(require_column(schema, name).sql for name in columns)
    return CostedShare(rate, columns, threshold, f"xxhash64({hashed}) < {threshold}L")


def with_plans(
    config: ReplayConfig, plans: Sequence[CostPlan], budget: int, schema: pa.Schema
) -> tuple[ReplayConfig, CostedShare | None]:
    """The config of the run that costs differences, and the share of the rows that it costs them on.

    What the budget bounds is what the audits add: the run itself, and the scenarios of its own, are of all rows.

    Args:
        config: As given.
        plans: Of all audits.
        budget: Most rows that are scored for the costs.
        schema: The traffic's.
    """
    scenarios = {**config.scenarios}
    checkpoints = list(config.scenario_checkpoints or (config.baseline,))
    wanted = sum(plan.rows for plan in plans)
    share = share_of(config.traffic, schema, budget / wanted) if wanted > budget else None
    for plan in plans:
        scenarios |= plan.steps if share is None else _over_share(plan, share)
        checkpoints += [name for name in plan.checkpoints if name not in checkpoints]
    changed = {"scenarios": scenarios, "scenario_checkpoints": tuple(checkpoints)}
    return config.model_copy(update=changed), share


def _over_share(plan: CostPlan, share: CostedShare) -> dict[str, tuple[Perturbation, ...]]:
    """The steps of a plan over a share of the rows; what matters to a model is measured on few rows already."""
    return {
        scenario: tuple(each.model_copy(update={"where": share.where}) for each in steps)
        if scenario in plan.costing
        else steps
        for scenario, steps in plan.steps.items()
    }
