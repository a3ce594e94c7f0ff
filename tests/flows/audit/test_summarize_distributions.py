"""Audits of tables that are not joined, planted in memory by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.columns.cells import cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig, ReplayConfig
from replay.config.sections.other_tables.audits import Material
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.plan import CostPlan
from replay.flows.audit.reference.differing import compared_slices, differing_features
from replay.flows.audit.reference.plan import ReferencePlan
from replay.flows.audit.reference.replay import ReferenceCosts
from replay.flows.audit.reference.rows import ReferenceColumns
from replay.flows.audit.summarize_distributions import summarize_distributions
from tests.flows.case import config_data
from tests.report import sample

ROWS = 4000


def _table(seed: int, **changes):
    rng = np.random.default_rng(seed)
    surface = rng.choice(["home", "shop"], ROWS)
    columns = {
        "amount": rng.lognormal(size=ROWS),
        "name": rng.choice(["a", "b", "c"], ROWS).astype(object),
        "same": rng.integers(0, 5, ROWS),
    }
    for name, change in changes.items():
        columns[name] = change(columns[name], surface, rng)
    made = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    return made, {"surface": pa.array(surface)}, np.arange(ROWS) * 6 // ROWS


def _sorted_by(values: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The same values, the largest where a mask holds: of all rows nothing changes, of each surface everything."""
    changed = np.empty_like(values)
    changed[np.argsort(last, kind="stable")] = np.sort(values)
    return changed


CONFIG = ReplayConfig.model_validate(config_data() | {"features": {"core": ["amount"]}})
MATERIAL = 0.01


def _planned(absent=(), refused=None, lacking=None, share=1.0, **changes) -> ReferencePlan:
    reference, here = _table(0), _table(1, **changes)
    cells = {name: cells_of(column) for name, column in reference[0].items()}
    sides = []
    for table in (here, reference):
        counts = ColumnCounts(cells)
        counts.update(*table)
        sides.append(counts)
    audit = AuditConfig(against="s", material=Material(ne=MATERIAL, score=MATERIAL))
    counted = UnjoinedAudit("a", audit, *sides, tuple(absent), (*cells, *absent), {"f": ("amount",)})
    compared = compared_slices(counted)
    differing = [compared[name] for name in differing_features(compared)]
    scenarios = {
        each[0].feature: f"a.{each[0].feature}" for each in differing if each[0].feature not in (refused or {})
    }
    plan = CostPlan("a", ("prod",), scenarios, together="a.all" if scenarios else None, refused=refused or {})
    columns = ReferenceColumns({}, lacking or {}, {}, None, {})
    return ReferencePlan(counted, differing, None, columns, plan, {}, share)


def _summary(planned: ReferencePlan, replayed: ReferenceCosts | None = None):
    return summarize_distributions(planned, replayed or _replayed(), CONFIG, ("amount", "name", "same"))


def _replayed(**ne: tuple[float, float]) -> ReferenceCosts:
    """Costs of features, each the ends of the interval of NE; the middle is its value, and ten times that the score."""
    variants = {}
    for name, (low, high) in ne.items():
        value = (low + high) / 2
        measures = {"ne_increase": value, "ne_increase_low": low, "ne_increase_high": high}
        against = replace(sample.comparison(100, 9), mean_abs=10 * abs(value), measures=measures)
        variants[f"prod/a.{name}"] = sample.variant(None, vs_baseline=against)
    return ReferenceCosts(variants, rows=ROWS)


OTHERS = '"a", "c", "b" hardly come here'
LOST = {"amount": lambda v, s, r: np.where(r.random(ROWS) < 0.2, np.nan, v)}


def test_two_draws_of_one_distribution_do_not_differ():
    told = _summary(_planned())

    assert told.features == ()
    assert (told.joined, told.rows, told.features_compared, told.notes) == (False, ROWS, 3, ())
    assert told.together.mean_abs == 0.0


@pytest.mark.parametrize(
    ("changes", "feature", "kind", "details"),
    [
        (LOST, "amount", "null", "20.5% of the rows, 0% there"),
        ({"amount": lambda v, s, r: v * 2}, "amount", "shifted", None),
        ({"name": lambda v, s, r: np.char.upper(v.astype(str)).astype(object)}, "name", "vocabulary", OTHERS),
        (
            {"amount": lambda v, s, r: np.where(s == "shop", np.nan, v)},
            "amount",
            "not_served",
            "no value here in surface=shop",
        ),
    ],
)
def test_each_kind_is_found_alone(changes, feature, kind, details):
    (told,) = _summary(_planned(**changes)).features

    assert (told.feature, told.kind, told.details) == (feature, kind, details)
    assert (told.mismatch_rate, told.significant) == (None, True)


def test_what_differs_in_slices_alone_is_told_there():
    """Of the values of all rows nothing changes; each surface has others."""
    (told,) = _summary(_planned(amount=lambda v, s, r: _sorted_by(v, s == "shop"))).features

    assert told.kind == "shifted"
    assert told.details in ("in surface=home", "in surface=shop")


def test_a_value_that_only_the_reference_lacks_is_told_from_the_other_side():
    """The tables of the first case, exchanged."""
    planned = _planned(**LOST)
    mirrored = replace(planned.counted, here=planned.counted.there, there=planned.counted.here)
    compared = compared_slices(mirrored)
    (told,) = _summary(replace(planned, counted=mirrored, differing=[compared["amount"]])).features
    (before,) = _summary(planned).features

    assert told.kind == before.kind == "null"
    assert (told.coverage.here, told.coverage.there) == (before.coverage.there, before.coverage.here)
    assert told.divergence == pytest.approx(before.divergence)


@pytest.mark.parametrize(
    ("ends", "alarm"),
    [((0.02, 0.04), True), ((-0.04, -0.02), True), ((0.005, 0.04), False), ((-0.02, 0.04), False)],
)
def test_what_differs_is_alarmed_where_its_whole_interval_is_material(ends, alarm: bool):
    (told,) = _summary(_planned(**LOST), _replayed(amount=ends)).features

    assert (told.alarm, told.cost.ne_increase.low) == (alarm, ends[0])
    assert told.cost.variant is None


def test_the_size_of_the_cost_orders_and_then_the_distance():
    changes = {**LOST, "same": lambda v, s, r: np.minimum(v + (r.random(ROWS) < 0.2), 4)}
    planned = _planned(**changes)
    told = _summary(planned, _replayed(amount=(0.01, 0.03), same=(-0.05, -0.03), all=(0.0, 0.0)))
    uncosted = _summary(planned, ReferenceCosts(reason="the rows of s cannot be scored"))

    assert [each.feature for each in told.features] == ["same", "amount"]
    assert [each.feature for each in uncosted.features] == ["amount", "same"]
    assert uncosted.features[0].divergence > uncosted.features[1].divergence > 0
    assert {each.cost.reason for each in uncosted.features} == {"the rows of s cannot be scored"}
    assert uncosted.notes == ("Costs are not measured: the rows of s cannot be scored.",)
    assert not uncosted.alarms


def test_coverage_is_told_by_slice():
    told = _summary(_planned(amount=lambda v, s, r: np.where(s == "shop", np.nan, v))).features[0]

    assert (told.family, told.core) == ("f", True)
    assert [each.slice for each in told.slices] == ["surface=shop"]
    assert told.slices[0].coverage.here == 0.0


def test_a_column_that_is_not_there_costs_nothing_that_is_known():
    planned = _planned(absent=("gone",), refused={"gone": "s has no such column"})
    told = _summary(planned)

    (gone,) = told.features
    assert (gone.feature, gone.kind, gone.coverage.there, gone.alarm) == ("gone", "not_served", 0.0, False)
    assert gone.cost.reason == "s has no such column"
    assert told.together.reason == "no difference could be replayed"


def test_what_the_costs_are_of_is_said():
    planned = _planned(lacking={"gone": "s has no such column"}, share=0.25, **LOST)
    told = _summary(planned, _replayed(amount=(0.02, 0.04)))

    assert told.notes == (
        f"Costs are of {ROWS:,} rows of s: each as it is, and with the traffic's distribution of the feature.",
        "They are 25.00% of its rows, drawn by hash.",
        "In all of them gone was null: s has no such column.",
    )
