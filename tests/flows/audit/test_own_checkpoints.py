"""Costs to another checkpoint than the baseline, by plain torch."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from pyspark.sql import SparkSession

from replay.flows.audit.run import audit
from tests.flows.audit.conftest import planted
from tests.flows.audit.loans import Loans, load_loans, write_case


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
