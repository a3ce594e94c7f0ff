"""Costs of two halves of the loans that are not joined, beside least changes made with numpy and scored with torch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError
from replay.flows.audit import run as module
from replay.flows.audit.run import audit
from tests.flows.audit.loans import LABEL, SEGMENT, UNUSED, Loans
from tests.flows.audit.reference.conftest import TwoTables, halves, planted, write_two
from tests.object_store import S3Server

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

DIFFERING = {"loan_int_rate", "loan_intent", "person_income", UNUSED}


def _coupled(reference: pd.Series, traffic: pd.Series, rng: np.random.Generator) -> pd.Series:
    """A maximal coupling by counting: what is rarer in the traffic goes, at random, to what is more frequent there."""
    mine, its = (rows.fillna("<null>").value_counts(normalize=True) for rows in (reference, traffic))
    names = sorted({*mine.index, *its.index})
    gap = pd.Series({name: its.get(name, 0.0) - mine.get(name, 0.0) for name in names})
    missing = gap.clip(lower=0)
    changed = reference.fillna("<null>").copy()
    for name in gap[gap < 0].index:
        places = np.flatnonzero((changed == name) & (reference.fillna("<null>") == name))
        going = rng.random(len(places)) < -gap[name] / mine[name]
        changed.iloc[places[going]] = rng.choice(names, going.sum(), p=missing / missing.sum())
    return changed.where(changed != "<null>", None)


def _ranked(reference: pd.Series, traffic: pd.Series) -> pd.Series:
    """Monotone: the value of the traffic at the same rank."""
    order = reference.rank(method="first", pct=True) - 0.5 / len(reference)
    return pd.Series(np.quantile(traffic.to_numpy(), order, method="inverted_cdf"), index=reference.index)


def _as_in_traffic(case: TwoTables, *names: str, seed: int = 0) -> pd.DataFrame:
    rng, changed = np.random.default_rng(seed), case.reference.copy()
    for name in names:
        mine, its = case.reference[name], case.traffic[name]
        if name == "loan_intent":
            changed[name] = _coupled(mine, its, rng)
        elif name == "loan_int_rate":
            lost = 1 - its.notna().mean() / mine.notna().mean()
            changed[name] = mine.where(rng.random(len(mine)) >= lost)
        else:
            changed[name] = _ranked(mine, its)
    return changed


def _cost(case: TwoTables, *names: str) -> tuple[float, float, float]:
    """Mean change of the score and of NE by torch, over five draws, and how far the draws are from each other."""
    loans = Loans(case.reference, case.loans.model)
    before, found = loans.scores(), []
    for seed in range(5):
        after = loans.scores(_as_in_traffic(case, *names, seed=seed))
        found.append((np.abs(after - before).mean(), loans.ne(after) - loans.ne(before)))
    (score, ne), spread = np.mean(found, axis=0), np.std([each[1] for each in found])
    return float(score), float(ne), float(spread)


def test_costs_are_those_of_least_changes_by_hand(two_tables: TwoTables):
    found = two_tables.audited().summary.audits["parity"]
    costs = {each.feature: each.cost for each in found.features}

    assert set(costs) == DIFFERING
    for name in DIFFERING:
        score, ne, spread = _cost(two_tables, name)
        assert costs[name].mean_abs == pytest.approx(score, rel=0.06, abs=1e-6)
        assert costs[name].ne_increase.value == pytest.approx(ne, abs=5 * spread + 0.02 * abs(ne) + 1e-6)
        assert costs[name].ne_increase.low <= costs[name].ne_increase.value <= costs[name].ne_increase.high
    score, ne, spread = _cost(two_tables, *DIFFERING)
    assert found.together.ne_increase.value == pytest.approx(ne, abs=5 * spread + 0.05 * abs(ne))
    score, ne, spread = _cost(two_tables, "loan_int_rate", "loan_intent")
    assert list(found.families) == ["loan"]
    assert found.families["loan"].ne_increase.value == pytest.approx(ne, abs=5 * spread + 0.05 * abs(ne))


def test_what_costs_is_alarmed_by_size_and_what_costs_nothing_is_not(two_tables: TwoTables):
    gates = [
        {"audit": "parity", "metric": "alarms", "max": 3},
        {"audit": "parity", "metric": "cost_ne_increase", "max": 0},
    ]
    result = two_tables.audited(f"gates={json.dumps(gates)}")
    found = result.summary.audits["parity"]
    ne = {name: abs(_cost(two_tables, name)[1]) for name in DIFFERING}

    assert [each.feature for each in found.features] == sorted(DIFFERING, key=lambda name: -ne[name])
    assert {each.feature for each in found.alarms} == DIFFERING - {UNUSED}
    assert [gate.verdict for gate in result.summary.gates] == ["passed", "failed"]
    assert UNUSED not in found.core
    assert set(found.core) >= {"person_income", "loan_int_rate"}
    assert found.notes[0].startswith(f"Costs are of {len(two_tables.reference):,} rows of trained")
    assert not (two_tables.config.parent / "out" / ".reference").exists()
    told = json.loads((two_tables.config.parent / "out" / "summary.json").read_text())
    assert not [name for name in told["variants"] if name.startswith("prod/parity")]


def test_each_checkpoint_has_costs_against_its_own_scores(two_tables: TwoTables):
    """The second answers alike but for what float16 leaves of the weights; the first one orders."""
    found = two_tables.audited(
        "checkpoints.half={from: prod, cast: float16}",
        "audits.parity.checkpoints=[half, prod]",
        "features.core=[loan_amnt]",
    ).summary.audits["parity"]
    income = next(each for each in found.features if each.feature == "person_income")

    assert list(income.costs) == ["half", "prod"]
    assert income.cost == income.costs["half"]
    for cost in income.costs.values():
        assert cost.mean_abs == pytest.approx(_cost(two_tables, "person_income")[0], rel=0.06)
    assert income.costs["half"] != income.costs["prod"]


def test_exchanged_tables_are_told_from_the_other_side(two_tables: TwoTables, tmp_path: Path):
    """The reference lost the values: with the traffic's coverage its rows would do better, by as much as was lost."""
    loans, (reference, clean) = two_tables.loans, halves(two_tables.loans)
    broken = planted(reference)[["loan_int_rate"]].join(reference.drop(columns="loan_int_rate"))
    config = write_two(tmp_path, loans, broken, clean)

    told = audit(str(config), quiet=True).summary.audits["parity"].features[0]

    assert (told.feature, told.kind) == ("loan_int_rate", "null")
    assert told.coverage.here == pytest.approx(clean.loan_int_rate.notna().mean())
    assert told.coverage.there < told.coverage.here - 0.3
    case = Loans(broken, loans.model)
    drawn, rng = broken.copy(), np.random.default_rng(0)
    empty = broken.loan_int_rate.isna() & (rng.random(len(broken)) < 0.4 / (1 - broken.loan_int_rate.notna().mean()))
    drawn.loc[empty, "loan_int_rate"] = rng.choice(clean.loan_int_rate.dropna(), empty.sum())
    assert told.cost.mean_abs == pytest.approx(np.abs(case.scores(drawn) - case.scores()).mean(), rel=0.15)


def test_what_differs_in_slices_alone_is_replayed_there(two_tables: TwoTables, tmp_path: Path):
    """The largest amounts go to those who rent: of all rows nothing changes, and the model feels it all the same."""
    reference, traffic = halves(two_tables.loans)
    rents = traffic[SEGMENT].to_numpy() == "RENT"
    traffic.iloc[np.argsort(rents, kind="stable"), traffic.columns.get_loc("loan_amnt")] = np.sort(traffic.loan_amnt)
    config = write_two(tmp_path, two_tables.loans, reference, traffic)

    found = {each.feature: each for each in audit(str(config), quiet=True).summary.audits["parity"].features}

    reference = pd.concat([reference, reference.head(5)], ignore_index=True)
    changed, case = reference.copy(), Loans(reference, two_tables.loans.model)
    for name in traffic[SEGMENT].unique():
        mine, its = reference[SEGMENT] == name, traffic[SEGMENT] == name
        if mine.any():
            changed.loc[mine, "loan_amnt"] = _ranked(reference.loan_amnt[mine], traffic.loan_amnt[its])
    cost = np.abs(case.scores(changed) - case.scores()).mean()
    assert found["loan_amnt"].details.startswith(f"in {SEGMENT}=")
    assert found["loan_amnt"].cost.mean_abs == pytest.approx(cost, rel=0.06)
    assert found["loan_amnt"].alarm


def test_two_halves_of_one_table_are_alarmed_nowhere(two_tables: TwoTables, tmp_path: Path):
    reference, clean = halves(two_tables.loans)
    config = write_two(tmp_path, two_tables.loans, reference, clean)

    found = audit(str(config), quiet=True).summary.audits["parity"]

    assert found.alarms == ()
    assert found.features_compared == 10


def test_without_labels_there_costs_are_of_scores_alone_and_a_budget_bounds_them(two_tables: TwoTables, tmp_path: Path):
    """Two features, each alone and both at once, and every row as it is: four scores a row, for half of the rows."""
    reference, clean = halves(two_tables.loans)
    rows = len(reference) + 5
    audits = {"parity": {"against": "trained", "features": ["person_income", UNUSED], "budget": 2 * rows}}
    changes = {"audits": audits, "features": {"core": ["person_income"]}}
    config = write_two(tmp_path, two_tables.loans, reference.drop(columns=LABEL), planted(clean), **changes)

    found = audit(str(config), quiet=True).summary.audits["parity"]

    assert [each.feature for each in found.features] == ["person_income", UNUSED]
    assert {each.cost.ne_increase for each in found.features} == {None}
    assert found.features[0].cost.mean_abs == pytest.approx(_cost(two_tables, "person_income")[0], rel=0.1)
    assert [each.alarm for each in found.features] == [True, False]
    assert found.core == ("person_income",)
    replayed = int(found.notes[0].split()[3].replace(",", ""))
    assert replayed == pytest.approx(rows / 2, rel=0.1)
    assert found.notes[1].startswith("They are 5")


def test_the_time_that_it_takes_is_part_of_the_run(two_tables: TwoTables, monkeypatch: pytest.MonkeyPatch):
    replayed = module.replay_reference

    def slowly(*given: Any) -> Any:
        time.sleep(3)
        return replayed(*given)

    monkeypatch.setattr(module, "replay_reference", slowly)
    summary = two_tables.audited("audits.parity.features=[person_income]", "features.core=[person_income]").summary

    assert summary.timings.other > 3
    assert (summary.finished - summary.started).total_seconds() > 3


def test_a_reference_of_no_rows_is_refused(two_tables: TwoTables):
    with pytest.raises(ConfigError, match=r"sources\.trained: selects no rows: no distribution") as error:
        two_tables.audited("sources.trained.where=loan_amnt < 0")

    assert error.value.exit_code == 3


def test_rows_that_cannot_be_replayed_say_why(two_tables: TwoTables, tmp_path: Path):
    """The model takes no null of the amount, which the reference lacks."""
    reference, clean = halves(two_tables.loans)
    traffic = planted(clean)
    config = write_two(tmp_path, two_tables.loans, reference.drop(columns="loan_amnt"), traffic)
    filled = dict.fromkeys(("person_*", "loan_int_rate", "*_due", "missed_*", "population"), 0.0)

    overrides = [f"model.inputs[0].missing={json.dumps(filled)}"]
    found = audit(str(config), overrides=overrides, quiet=True).summary.audits["parity"]

    assert {each.feature for each in found.features} == {*DIFFERING, "loan_amnt"}
    why = "the model has no default for a null of `loan_amnt`, and trained has no such column"
    assert {each.cost.reason for each in found.features} == {f"the rows of trained cannot be scored: {why}"}
    assert not found.alarms
    assert found.together.mean_abs is None


def test_an_output_that_spark_does_not_reach_has_the_same_costs(
    two_tables: TwoTables, s3: S3Server, spark: SparkSession
):
    with s3.known_to(spark):
        found = two_tables.audited(f"output={s3.new_bucket()}/out").summary.audits["parity"]

    expected = two_tables.audited().summary.audits["parity"]
    costs = [{each.feature: each.cost.mean_abs for each in audit.features} for audit in (found, expected)]
    assert set(costs[0]) == DIFFERING
    assert costs[0] == pytest.approx(costs[1])
