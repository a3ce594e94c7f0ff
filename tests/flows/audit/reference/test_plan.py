"""What is planned to be replayed of a table that is not joined, with features that cannot be."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from replay.config import load_config
from replay.flows.audit.distributions import count_both
from replay.flows.audit.reference.plan import ReferencePlan, plan_reference
from replay.flows.options import Options
from replay.flows.stages.prepare import prepare
from tests.flows.audit.loans import SEGMENT, UNUSED
from tests.flows.audit.reference.conftest import TwoTables, halves, write_two

pytestmark = [pytest.mark.spark, pytest.mark.real_data]


def _planned(case: TwoTables, path: Path, traffic: pd.DataFrame, reference: pd.DataFrame, *overrides) -> ReferencePlan:
    config = load_config(write_two(path, case.loans, reference, traffic), overrides=overrides)
    with ExitStack() as visit:
        prepared = prepare(config, Options(), visit, every_source=True)
        return plan_reference(prepared, count_both(prepared, "parity"))


def test_features_that_cannot_be_replayed_say_why_and_the_others_are(
    spark: SparkSession, two_tables: TwoTables, tmp_path: Path
):
    """One that the reference has as text, one that it lacks, one with nulls that the model does not take."""
    reference, traffic = halves(two_tables.loans)
    reference = reference.assign(credit_card_due=reference.credit_card_due.astype(str)).drop(columns="population")
    rng = np.random.default_rng(0)
    traffic["missed_payments_1y"] = traffic.missed_payments_1y.where(rng.random(len(traffic)) > 0.3)
    traffic["person_income"] *= 2
    missing = "{person_*: 0, loan_*: 0, credit_card_due: 0, population: 0, mortgage_due: 0}"

    planned = _planned(two_tables, tmp_path, traffic, reference, f"model.inputs[0].missing={missing}")

    refused = planned.costs.refused
    assert refused["population"] == "trained has no such column"
    assert refused["missed_payments_1y"] == "the traffic has nulls of it, and the model has no default for a null"
    assert set(planned.columns.lacking) == {"population", "credit_card_due"}
    assert planned.columns.lacking["credit_card_due"].startswith("the model cannot be given its values: it is string")
    assert planned.columns.obstacle is None
    assert "person_income" in planned.costs.features
    assert {target.feature for target in planned.changes} == set(planned.costs.features)


def test_slices_of_the_audit_have_distributions_of_their_own_and_the_budget_is_kept(
    spark: SparkSession, two_tables: TwoTables, tmp_path: Path
):
    reference, traffic = halves(two_tables.loans)
    traffic[UNUSED] = traffic[UNUSED].where(traffic[SEGMENT] != "RENT", 0.0)

    overrides = (f"audits.parity.by=[{SEGMENT}]", "audits.parity.budget=6000", "features.core=[person_age]")
    planned = _planned(two_tables, tmp_path, traffic, reference, *overrides)

    (target,) = planned.changes
    assert (target.feature, target.by) == (UNUSED, (SEGMENT,))
    moved = [change.moved for change in planned.changes[target].changes.values()]
    assert len(moved) == reference[SEGMENT].nunique()
    # Each row is scored as it is, with the feature alone, and with all that differ, which is the feature.
    assert planned.share == pytest.approx(6000 / ((len(reference) + 5) * (1 + 2 * max(moved))), rel=0.01)
    (step,) = planned.costs.steps["parity.all"]
    assert (step.op, step.features, step.arguments.slices) == ("match", (UNUSED,), (SEGMENT,))
