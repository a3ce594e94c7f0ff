"""What gives rows of the other table the distributions of the traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from replay.config import Perturbation
from replay.flows.audit.columns import types_of
from replay.flows.audit.name_differences import NamedDifference
from replay.flows.audit.plan import StepsOf
from replay.flows.sources.distributions import summaries_of_both
from replay.flows.stages.prepare import Prepared
from replay.scenarios import MatchTarget
from replay.scenarios.least_change import SlicedChange
from replay.scenarios.matching import summarized_columns
from replay.traffic import PinnedSource

Changes = Mapping[MatchTarget, SlicedChange]


def changes_to_traffic(prepared: Prepared, source: PinnedSource, features: Mapping[str, tuple[str, ...]]) -> Changes:
    """The least change of the other table's values that gives features the traffic's distributions.

    Args:
        prepared: The run.
        source: The other table.
        features: Of both tables, with columns of both whose values are slices, each of a distribution of its own.

    Returns:
        Of all selected rows of both tables, however few of them are replayed.

    Raises:
        ConfigError: The other table has no rows.
    """
    targets = [MatchTarget(source.name, by, feature) for feature, by in features.items()]
    columns = summarized_columns(targets, prepared.config.encoded_model, types_of(prepared))
    here, there = summaries_of_both(prepared.spark, columns, prepared.traffic, {source.name: source})
    return {target: there[target].change_to(here[target]) for target in columns}


def moved_share(changes: Changes, feature: str) -> float:
    """The share of the rows in which a feature changes, in the slice in which most do."""
    found = (change for target, change in changes.items() if target.feature == feature)
    return max((each.moved for change in found for each in change.changes.values()), default=0.0)


def as_in_traffic(source: str, by: Mapping[str, tuple[str, ...]], families: Mapping[str, Sequence[str]]) -> StepsOf:
    """The steps that change rows of a source so; features of a family, and of the same slices, change in the same rows.

    Args:
        source: Its name.
        by: Columns whose values are slices, by feature.
        families: Features by family.
    """

    def steps(differences: Sequence[NamedDifference]) -> Iterator[Perturbation]:
        units: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for each in differences:
            family = next((name for name, members in families.items() if each.feature in members), None)
            unit = f"feature {each.feature}" if family is None else f"family {family}"
            units.setdefault((unit, by[each.feature]), []).append(each.feature)
        for (_, columns), features in units.items():
            yield Perturbation(op="match", source=source, features=tuple(features), by=columns, together=True)  # type: ignore[call-arg]

    return steps
