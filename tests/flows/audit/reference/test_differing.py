"""Which features differ: of two halves of one table hardly ever any, of planted differences those alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from replay.audit.columns.cells import cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.reference.differing import compared_slices, differing_features, whole
from tests.conftest import real_file

SEEDS = 100
NUMBERS = ("person_age", "person_income", "person_emp_length", "loan_amnt", "loan_int_rate", "credit_card_due")
NAMES = ("loan_intent", "state", "zipcode", "missed_payments_1y")
SEGMENT, TIME = "person_home_ownership", "event_timestamp"
MONTH_US = 30 * 86_400 * 10**6


def counted(here: pd.DataFrame, there: pd.DataFrame, features=(*NUMBERS, *NAMES), segment=SEGMENT) -> UnjoinedAudit:
    """Both tables counted, in cells of the reference as an audit cuts them."""
    arrays = [{name: pa.array(rows[name], from_pandas=True) for name in features} for rows in (here, there)]
    cells = {name: cells_of(arrays[1][name].slice(0, 20_000), categorical=True) for name in features}
    sides = []
    for rows, columns in zip((here, there), arrays, strict=True):
        counts = ColumnCounts(cells)
        buckets = rows[TIME].to_numpy("datetime64[us]").astype(np.int64) // MONTH_US
        counts.update(columns, {segment: pa.array(rows[segment])}, buckets)
        sides.append(counts)
    return UnjoinedAudit("a", AuditConfig(against="s"), *sides, (), tuple(cells), {})


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    return pd.read_parquet(real_file("loans/training_set.parquet"))


@pytest.mark.real_data
def test_of_two_halves_of_a_table_hardly_ever_a_feature_differs(loans: pd.DataFrame):
    """Drawn by the hash of the key under 100 seeds: at a false discovery rate of 5%, in 5 of them at the most."""
    found = []
    for seed in range(SEEDS):
        half = pd.util.hash_array(loans.loan_id.to_numpy() + seed * 10**9) % 2 == 0
        found.append(differing_features(compared_slices(counted(loans[half], loans[~half]))))

    assert sum(bool(each) for each in found) <= 5


@pytest.mark.real_data
def test_a_planted_difference_is_found_alone_also_in_one_slice(loans: pd.DataFrame):
    half = pd.util.hash_array(loans.loan_id.to_numpy()) % 2 == 0
    here, there = loans[half].copy(), loans[~half]
    here["credit_card_due"] = here.credit_card_due.where(here[SEGMENT] != "OWN", 0)

    compared = compared_slices(counted(here, there))

    assert differing_features(compared) == ("credit_card_due",)
    assert whole(compared["credit_card_due"]).label == "all"


def test_shares_of_rows_with_a_value_are_of_each_side():
    rows = pd.DataFrame({"x": [1.0, np.nan, 2.0, 3.0], SEGMENT: "a", TIME: pd.Timestamp("2026-01-01")})
    compared = compared_slices(counted(rows, rows.dropna(), features=("x",)))

    coverage = whole(compared["x"]).coverage
    assert (coverage.here, coverage.there) == (0.75, 1.0)
    assert not whole(compared["x"]).is_large
    assert [each.label for each in compared["x"]] == ["all", f"{SEGMENT}=a"]
