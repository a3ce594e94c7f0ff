"""One audit of the loans, which several files look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from replay.flows.audit.run import audit
from replay.flows.finished.result import RunResult
from tests.flows.audit.loans import ENTITY, KEY, SEGMENT, TIME, UNUSED, Loans, load_loans, older, write_case

GATES = [
    {"audit": "logging", "metric": "value_mismatch_rate", "features": "core", "max": 0.001},
    {"audit": "logging", "metric": "alarms", "features": [UNUSED], "max": 0},
    {"audit": "logging", "metric": "from_future", "max": 0},
]


@dataclass(frozen=True)
class AuditedLoans:
    """The case, the served log as planted, and what the audit found."""

    loans: Loans
    served: pd.DataFrame
    config: Path
    result: RunResult


def planted(loans: Loans) -> pd.DataFrame:
    """Six differences in a log that lacks 2% of the rows and one column: each kind by independent code."""
    rng, rows = np.random.default_rng(0), loans.rows
    served = rows.copy()
    served["person_income"] = np.where(rng.random(len(rows)) < 0.5, rows.person_income * 0.9, rows.person_income)
    served["loan_int_rate"] = rows.loan_int_rate.where(rows[SEGMENT] != "RENT")
    served["person_emp_length"] = np.where(rng.random(len(rows)) < 0.2, -1.0, rows.person_emp_length)
    day_before = older(rows, "credit_card_due", 24)
    served["credit_card_due"] = np.where(np.isnan(day_before), rows.credit_card_due, day_before)
    served["loan_intent"] = rows.loan_intent.str.lower()
    served[UNUSED] = np.where(rng.random(len(rows)) < 0.3, rows[UNUSED] + 1000.0, rows[UNUSED])
    late = rng.random(len(rows)) < 0.05
    served["loan_amnt__timestamp"] = rows[TIME] + pd.to_timedelta(np.where(late, 60, -60), unit="s")
    served["loan_int_rate__status"] = np.where(rows[SEGMENT] == "RENT", 3, 1)
    return served.drop(columns=["population", TIME, ENTITY, SEGMENT]).sample(frac=0.98, random_state=1)


@pytest.fixture(scope="session")
def audited(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> AuditedLoans:
    loans = load_loans()
    served = planted(loans)
    audits = {"logging": {"against": "served", "leakage": True}}
    config = write_case(tmp_path_factory.mktemp("audit"), loans, served, audits=audits, gates=GATES)
    assert KEY in served
    return AuditedLoans(loans, served, config, audit(str(config), quiet=True))
