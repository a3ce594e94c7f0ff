"""Costs to another checkpoint than the baseline, and of a share of the rows, by plain torch."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.flows.audit.run import audit
from tests.flows.audit.conftest import planted
from tests.flows.audit.loans import ENTITY, KEY, LABEL, UNUSED, Loans, load_loans, write_case


@pytest.mark.spark
@pytest.mark.real_data
def test_a_cost_is_that_of_the_checkpoint_alone(spark: SparkSession, tmp_path: Path):
    loans = load_loans()
    served = planted(loans)
    audits = {"logging": {"against": "served", "checkpoints": ["blind", "prod"], "features": ["person_emp_length"]}}
    config = write_case(tmp_path, loans, served, audits=audits, features={"core": ["person_emp_length"]})
    data = yaml.safe_load(config.read_text())
    data["checkpoints"]["blind"] = {"from": "prod", "params": "intent.*", "zero": True}
    config.write_text(yaml.safe_dump(data))

    (found,) = audit(str(config), quiet=True).summary.audits["logging"].features

    blind = copy.deepcopy(loans.model)
    with torch.no_grad():
        blind.intent.weight.zero_()
    expected = {"prod": _cost(loans, served), "blind": _cost(replace(loans, model=blind), served)}
    assert expected["prod"] != pytest.approx(expected["blind"], rel=0.05)
    for name, (mean_abs, ne) in expected.items():
        assert found.costs[name].mean_abs == pytest.approx(mean_abs, rel=1e-4)
        assert found.costs[name].ne_increase.value == pytest.approx(ne, rel=1e-3)
    assert found.cost == found.costs["blind"]
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["audits"]["logging"]
    assert told["core"] == ["person_emp_length"]


def _cost(loans: Loans, served):
    """Of the rows that the log has; the others keep what was logged."""
    changed = loans.with_columns(served, ["person_emp_length"])
    changed["person_emp_length"] = changed["person_emp_length"].fillna(loans.rows["person_emp_length"])
    before, after = loans.scores(), loans.scores(changed)
    return float(abs(after - before).mean()), loans.ne(after) - loans.ne(before)


@pytest.mark.spark
@pytest.mark.real_data
@pytest.mark.parametrize("group", [None, ENTITY])
def test_beyond_the_budget_costs_are_of_a_share_and_all_else_is_of_all_rows(
    spark: SparkSession, tmp_path: Path, group: str | None
):
    """The rows of the share are those that Spark's own hash takes; the user's scenario and its gate are of all rows."""
    loans = load_loans()
    served = planted(loans)
    names = ["person_income", "person_emp_length", UNUSED]
    config = write_case(
        tmp_path,
        loans,
        served,
        audits={"logging": {"against": "served", "features": names, "budget": 4_000}},
        features={"core": names},
        scenarios={"mine": [{"op": "scale", "features": ["loan_amnt"], "factor": 2.0}]},
        gates=[{"variant": "prod/mine", "against": "baseline", "metric": "ne_increase", "max": 10, "min_rows": 8_000}],
    )
    data = yaml.safe_load(config.read_text())
    if group is not None:
        data["traffic"]["group"] = group
    config.write_text(yaml.safe_dump(data))

    summary = audit(str(config), quiet=True).summary

    mine = loans.scores(loans.rows.assign(loan_amnt=loans.rows.loan_amnt * 2))
    assert (summary.rows, summary.variants["prod/mine"].vs_baseline.compared) == (8_000, 8_000)
    change = np.abs(mine - loans.scores()).mean()
    assert summary.variants["prod/mine"].vs_baseline.mean_abs == pytest.approx(change, rel=1e-4)
    assert summary.variants["prod"].metrics["ne"].value == pytest.approx(loans.ne(loans.scores()), rel=1e-4)
    assert [(gate.verdict, gate.value) for gate in summary.gates] == [
        ("passed", pytest.approx(loans.ne(mine) - loans.ne(loans.scores()), rel=1e-4))
    ]
    found = summary.audits["logging"]
    there = loans.rows[KEY].isin(served[KEY])
    assert found.rows == there.sum()
    share = 4_000 / _scored(loans, served, names)
    kept = _kept(spark, tmp_path, group or KEY, share)
    assert kept.sum() / len(kept) == pytest.approx(share, abs=0.1 if group else 0.02)
    assert f"of {share:.2%} of the rows" in found.notes[0]
    together = _cost_of_rows(loans, served, names, kept)
    assert (found.together.mean_abs, found.together.ne_increase.value) == pytest.approx(together, rel=1e-3)
    assert {each.feature for each in found.features} == set(names)
    for each in found.features:
        mean_abs, ne = _cost_of_rows(loans, served, [each.feature], kept)
        assert each.cost.mean_abs == pytest.approx(mean_abs, rel=1e-3, abs=1e-9)
        assert each.cost.ne_increase.value == pytest.approx(ne, rel=1e-3, abs=1e-7)


def _changed(loans: Loans, served: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The rows with the log's values; those that it lacks keep what was logged."""
    changed, there = loans.with_columns(served, names), loans.rows[KEY].isin(served[KEY]).to_numpy()
    changed.loc[~there, names] = loans.rows.loc[~there, names]
    return changed


def _scored(loans: Loans, served: pd.DataFrame, names: list[str]) -> int:
    """Rows that all costs take: those in which a feature differs, and the sum of them for all at once."""
    rows = loans.rows
    differing = sum(int((_changed(loans, served, [name])[name] != rows[name]).sum()) for name in names)
    person = sum(int((_changed(loans, served, [name])[name] != rows[name]).sum()) for name in names[:2])
    return differing + min(person, len(rows)) + min(differing, len(rows))


def _kept(spark: SparkSession, directory: Path, column: str, share: float) -> np.ndarray:
    """Whether each row is in the share, in their order: by Spark's own hash."""
    hashes = spark.read.parquet(str(directory / "traffic.parquet")).select(KEY, F.xxhash64(column).alias("hash"))
    hashed = hashes.toPandas().set_index(KEY)["hash"]
    keys = pd.read_parquet(directory / "traffic.parquet")[KEY]
    return (hashed.loc[keys].to_numpy().astype(float) + 2.0**63) / 2.0**64 < share


def _cost_of_rows(loans: Loans, served: pd.DataFrame, names: list[str], kept: np.ndarray) -> tuple[float, float]:
    """Mean change of the score and of NE over some rows, by plain torch."""
    some = Loans(loans.rows[kept], loans.model)
    before, after = some.scores(), some.scores(_changed(loans, served, names)[kept])
    assert 0 < some.rows[LABEL].mean() < 1
    return float(np.abs(after - before).mean()), some.ne(after) - some.ne(before)
