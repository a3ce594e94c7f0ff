"""Audits of tables that are not joined, planted in memory by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.columns.cells import cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.summarize_distributions import NOT_JOINED, summarize_distributions

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


def _audit(absent=(), **changes):
    reference, here = _table(0), _table(1, **changes)
    cells = {name: cells_of(column) for name, column in reference[0].items()}
    sides = []
    for table in (here, reference):
        counts = ColumnCounts(cells)
        counts.update(*table)
        sides.append(counts)
    compared = (*cells, *absent)
    found = UnjoinedAudit("a", AuditConfig(against="s"), *sides, tuple(absent), compared, {"f": ("amount",)})
    return summarize_distributions(found, ("amount",))


def test_two_draws_of_one_distribution_do_not_differ():
    told = _audit()

    assert told.features == ()
    assert (told.joined, told.rows, told.features_compared, told.notes) == (False, ROWS, 3, ())


@pytest.mark.parametrize(
    ("changes", "feature", "kind", "details"),
    [
        ({"amount": lambda v, s, r: np.where(r.random(ROWS) < 0.2, np.nan, v)}, "amount", "null", None),
        ({"amount": lambda v, s, r: v * 2}, "amount", "shifted", None),
        ({"name": lambda v, s, r: np.char.upper(v.astype(str)).astype(object)}, "name", "vocabulary", None),
        (
            {"amount": lambda v, s, r: np.where(s == "shop", np.nan, v)},
            "amount",
            "not_served",
            "no value here in surface=shop",
        ),
    ],
)
def test_each_kind_is_found_alone(changes, feature, kind, details):
    (told,) = _audit(**changes).features

    assert (told.feature, told.kind, told.details) == (feature, kind, details)
    assert (told.mismatch_rate, told.alarm, told.significant) == (None, False, True)
    assert told.cost.reason == NOT_JOINED


def test_coverage_is_told_by_slice_and_the_distance_orders():
    told = _audit(
        amount=lambda v, s, r: np.where(s == "shop", np.nan, v),
        same=lambda v, s, r: np.minimum(v + (r.random(ROWS) < 0.2), 4),
    )

    assert [each.feature for each in told.features] == ["amount", "same"]
    assert (told.features[0].family, told.features[0].core, told.features[1].core) == ("f", True, False)
    assert [each.slice for each in told.features[0].slices] == ["surface=shop"]
    assert told.features[0].slices[0].coverage.here == 0.0
    assert told.features[0].divergence > told.features[1].divergence > 0
    assert told.notes == (f"Costs are not measured: {NOT_JOINED}.",)


def test_a_column_that_is_not_there():
    (told,) = _audit(absent=("gone",)).features

    assert (told.feature, told.kind, told.coverage.there) == ("gone", "not_served", 0.0)
