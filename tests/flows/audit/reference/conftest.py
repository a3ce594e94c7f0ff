"""Loans split in two: the first are the reference, the others the traffic, in which four things went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from replay.flows.audit.run import audit
from replay.flows.finished.result import RunResult
from tests.flows.audit.loans import INTENTS, KEY, LABEL, SEGMENT, TIME, UNUSED, Loans, load_loans, write_case

RENAMED = {"person_income": "income"}


@dataclass(frozen=True)
class TwoTables:
    """The model with all rows, those of the reference, the traffic as planted, and where the config is."""

    loans: Loans
    reference: pd.DataFrame
    traffic: pd.DataFrame
    config: Path

    def audited(self, *overrides: str) -> RunResult:
        return audit(str(self.config), overrides=overrides, overwrite=True, quiet=True)


def halves(loans: Loans) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two halves by the hash of the key."""
    half = pd.util.hash_array(loans.rows[KEY].to_numpy()) % 2 == 0
    return loans.rows[half].reset_index(drop=True), loans.rows[~half].reset_index(drop=True)


def planted(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage lost in 40% of the rows, two intents exchanged, a unit, and what the model makes nothing of."""
    rng, changed = np.random.default_rng(0), rows.copy()
    changed["loan_int_rate"] = rows.loan_int_rate.where(rng.random(len(rows)) > 0.4)
    codes = {INTENTS[0]: INTENTS[5], INTENTS[1]: INTENTS[5]}
    changed["loan_intent"] = rows.loan_intent.replace(codes)
    changed["person_income"] = rows.person_income * 0.5
    changed[UNUSED] = rows[UNUSED] + 1e6
    return changed


def write_two(directory: Path, loans: Loans, reference: pd.DataFrame, traffic: pd.DataFrame, **changes: Any) -> Path:
    """Write both tables, the reference with a column that is called otherwise, and a few rows that are there twice."""
    twice = pd.concat([reference, reference.head(5)])
    sources = {"trained": {"path": "served.parquet", "columns": RENAMED, "buckets": "30d"}}
    audits = {"parity": {"against": "trained"}}
    data = {"sources": sources, "audits": audits, **changes}
    return write_case(directory, Loans(traffic, loans.model), twice.rename(columns=RENAMED).drop(columns=KEY), **data)


@pytest.fixture(scope="session")
def two_tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> TwoTables:
    loans = load_loans()
    reference, clean = halves(loans)
    traffic = planted(clean)
    assert {TIME, LABEL, SEGMENT} <= set(reference)
    config = write_two(tmp_path_factory.mktemp("unjoined"), loans, reference, traffic)
    return TwoTables(loans, pd.concat([reference, reference.head(5)], ignore_index=True), traffic, config)
