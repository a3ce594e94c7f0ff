"""Several tables beside one log of loans: few rows, one slice, a backfill that knows the outcome, an honest one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

import replay
from replay.flows.audit.run import audit
from replay.flows.finished.result import RunResult
from replay.flows.sources import indexing
from replay.report.summary.audits import AuditSummary
from replay.traffic import PinnedSource, PinnedTraffic, SourceMatches
from replay.traffic.sources.indexed.index import SourceIndex
from replay.traffic.sources.indexed.match import match_keys
from tests.flows.audit.loans import ENTITY, KEY, LABEL, SEGMENT, TIME, UNUSED, Loans, load_loans, older, write_case

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

KINDS = {
    "person_income": "unit",
    "loan_int_rate": "cast",
    "person_emp_length": "null",
    "credit_card_due": "newer",
    "loan_intent": "default",
    "loan_amnt": "shifted",
    "missed_payments_1y": "type",
    "person_age": "older",
    "population": "other",
    UNUSED: "other",
}
CORE = ["person_income", "loan_int_rate", "loan_amnt"]


@dataclass(frozen=True)
class SeveralTables:
    """The case, its other tables by name, what the audits found, and the tables whose keys were read."""

    loans: Loans
    tables: dict[str, pd.DataFrame]
    config: Path
    result: RunResult
    checked: list[str]

    def audit(self, name: str) -> AuditSummary:
        return self.result.summary.audits[name]


def few_and_sliced(loans: Loans) -> pd.DataFrame:
    """A difference in each feature: in 3% of the rows, in 30%, in all, or in one slice alone."""
    rng, rows = np.random.default_rng(0), loans.rows
    few, some = (lambda: rng.random(len(rows)) < 0.03), (lambda: rng.random(len(rows)) < 0.3)
    rented, other = rows[SEGMENT] == "RENT", rows.copy()
    other["person_income"] = np.where(few(), rows.person_income * 1000, rows.person_income)
    half = torch.tensor(rows.loan_int_rate.to_numpy()).half().double().numpy()
    other["loan_int_rate"] = np.where(rented, half, rows.loan_int_rate)
    other["person_emp_length"] = rows.person_emp_length.mask(some())
    other["credit_card_due"] = _at(rows, "credit_card_due", -24, some())
    other["loan_intent"] = np.where(few(), "OTHER", rows.loan_intent)
    other["loan_amnt"] = np.where(rented, rows.loan_amnt + 500, rows.loan_amnt)
    other["missed_payments_1y"] = rows.missed_payments_1y.astype(str)
    other["person_age"] = _at(rows, "person_age", 24, few())
    other["population"] = rows.population * (1 + rng.normal(0, 0.01, len(rows)))
    other[UNUSED] = np.where(some(), rng.permutation(rows[UNUSED]), rows[UNUSED])
    other["person_emp_length__status"] = np.where(other.person_emp_length.isna(), 7, 1)
    return other.drop(columns=[TIME, ENTITY, SEGMENT, LABEL])


def _at(rows: pd.DataFrame, name: str, hours: float, some: np.ndarray) -> np.ndarray:
    """Each state's value at another time in some rows."""
    found = older(rows, name, hours)
    return np.where(some & ~np.isnan(found), found, rows[name])


def leaking(loans: Loans) -> pd.DataFrame:
    """A backfill: incomes corrected after most defaults, a balance of the next day, and rows that were loaded late."""
    rng, rows, other = np.random.default_rng(1), loans.rows, loans.rows.copy()
    corrected = rng.random(len(rows)) < np.where(rows[LABEL] == 1, 0.7, 0.02)
    other["person_income"] = np.where(corrected, rows.person_income * 0.3, rows.person_income)
    other["credit_card_due"] = _at(rows, "credit_card_due", -24, np.ones(len(rows), dtype=bool))
    late = rng.random(len(rows)) < 0.05
    other["loaded"] = rows[TIME] + pd.to_timedelta(np.where(late, 3600, -3600), unit="s")
    return other[[KEY, "loaded", "person_income", "credit_card_due"]]


def honest(loans: Loans) -> pd.DataFrame:
    """A backfill that differs more where incomes are low, which default more often, and never knows the outcome."""
    rng, rows, other = np.random.default_rng(2), loans.rows, loans.rows.copy()
    differs = rng.random(len(rows)) < np.where(rows.person_income < rows.person_income.median(), 0.6, 0.05)
    other["person_income"] = np.where(differs, rows.person_income + 1000, rows.person_income)
    other["loan_int_rate"] = rows.loan_int_rate.mask(rng.random(len(rows)) < 0.1)
    other["loaded"] = rows[TIME] - pd.Timedelta("1h")
    return other[[KEY, "loaded", "person_income", "loan_int_rate"]]


@pytest.fixture(scope="module")
def case(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SeveralTables:
    loans, directory = load_loans(), tmp_path_factory.mktemp("several")
    features = [name for name in loans.rows if name not in (KEY, TIME, ENTITY, SEGMENT, LABEL)]
    tables = {
        "planted": few_and_sliced(loans),
        "leaking": leaking(loans),
        "honest": honest(loans),
        "copy": loans.rows[[KEY, *features]].sample(frac=1.0, random_state=3),
    }
    backfilled = {"features": ["person_income", "credit_card_due", "loan_int_rate"], "leakage": True}
    audits: dict[str, Any] = {name: {"against": name} for name in tables}
    audits["leaking"] |= {**backfilled, "features": ["person_income", "credit_card_due"]}
    audits["honest"] |= {**backfilled, "features": ["person_income", "loan_int_rate"]}
    sources: dict[str, Any] = {name: {"path": f"{name}.parquet", "key": [KEY]} for name in tables}
    for name in ("leaking", "honest"):
        sources[name]["known_at"] = "loaded"
    sources["planted"]["value_status"] = {1: "present", 7: "timeout"}
    for name, table in tables.items():
        table.to_parquet(directory / f"{name}.parquet", index=False)
    changes = {"sources": sources, "audits": audits, "features": {"core": CORE}}
    config = write_case(directory, loans, loans.rows, **changes)
    checked: list[str] = []

    def match(
        session: SparkSession, traffic: PinnedTraffic, source: PinnedSource, index: SourceIndex
    ) -> SourceMatches | None:
        checked.append(source.name)
        return match_keys(session, traffic, source, index)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(indexing, "match_keys", match)
        result = audit(str(config), quiet=True)
    return SeveralTables(loans, tables, config, result, checked)


def test_each_difference_is_named_in_few_rows_and_in_one_slice(case: SeveralTables):
    found = {each.feature: each for each in case.audit("planted").features}

    assert {name: each.kind for name, each in found.items()} == KINDS
    assert (found["person_age"].lag_seconds, found["credit_card_due"].lag_seconds) == (86_400, 86_400)
    assert found["person_emp_length"].details == "with status timeout"
    assert found["person_income"].mismatch_rate == pytest.approx(0.03, abs=0.01)
    sliced = found["loan_amnt"].slices
    assert [(each.slice, each.mismatch_rate) for each in sliced] == [(f"{SEGMENT}=RENT", 1.0)]


def test_the_same_is_found_where_spark_joins(case: SeveralTables):
    output = str(case.config.parent / "by_spark")
    joined = audit(str(case.config), names=["planted"], overrides=["engine.reader=spark"], output=output, quiet=True)
    engines = [json.loads(Path(each.output, "manifest.json").read_text())["engine"] for each in (case.result, joined)]
    assert [engine["reader"] for engine in engines] == ["direct", "spark"]

    there, here = joined.summary.audits["planted"], case.audit("planted")
    for other, found in zip(there.features, here.features, strict=True):
        assert (other.feature, other.kind, other.details) == (found.feature, found.kind, found.details)
        assert other.mismatch_rate == found.mismatch_rate
        assert other.cost.mean_abs == (None if found.cost.mean_abs is None else pytest.approx(found.cost.mean_abs))
    assert (there.rows, there.unmatched, there.core) == (here.rows, here.unmatched, here.core)


def test_the_order_is_that_of_plain_torchs_costs(case: SeveralTables):
    found = [each for each in case.audit("planted").features if each.kind != "type"]
    expected = {each.feature: case.loans.cost(case.tables["planted"], each.feature) for each in found}

    for each in found:
        assert each.cost.mean_abs == pytest.approx(expected[each.feature][0], rel=1e-3, abs=1e-9)
        assert each.cost.ne_increase.value == pytest.approx(expected[each.feature][1], rel=2e-3, abs=1e-7)
    assert [each.feature for each in found] == sorted(expected, key=lambda name: -abs(expected[name][1]))


def test_what_cannot_be_given_to_the_model_says_so(case: SeveralTables):
    (unknown,) = [each for each in case.audit("planted").features if each.kind == "type"]

    assert (unknown.feature, unknown.cost.mean_abs, unknown.alarm) == ("missed_payments_1y", None, False)
    assert unknown.cost.reason.startswith("the model cannot be given its values: ")


def test_a_harmless_difference_in_many_rows_raises_no_alarm(case: SeveralTables):
    (harmless,) = [each for each in case.audit("planted").features if each.feature == UNUSED]

    assert harmless.mismatch_rate == pytest.approx(0.3, abs=0.03)
    assert (harmless.significant, harmless.alarm, harmless.cost.mean_abs) == (True, False, 0.0)


def test_a_backfill_that_knows_the_outcome_is_found_by_all_three_tests(case: SeveralTables):
    leak, table = case.audit("leaking").leakage, case.tables["leaking"]
    late = int((table.loaded.to_numpy() > case.loans.rows[TIME].to_numpy()).sum())

    assert leak.from_future == late > 300
    assert leak.newer == ("credit_card_due",)
    assert leak.label_dependence.features == ("person_income",)
    assert leak.label_dependence.z > 20


def test_its_part_of_the_offline_gain_is_scikit_learns(case: SeveralTables):
    gain, loans = case.audit("leaking").leakage.gain_from_backfill, case.loans
    backfilled = loans.scores(loans.with_columns(case.tables["leaking"], ["person_income", "credit_card_due"]))
    labels, logged = loans.rows[LABEL], loans.scores()

    assert gain.ne_decrease.value == pytest.approx(loans.ne(logged) - loans.ne(backfilled), rel=1e-3)
    assert gain.auc_increase.value == pytest.approx(
        roc_auc_score(labels, backfilled) - roc_auc_score(labels, logged), abs=2e-4
    )
    assert gain.auc_increase.value > 0.01
    assert gain.auc_increase.low < gain.auc_increase.value < gain.auc_increase.high


def test_an_honest_backfill_stays_silent(case: SeveralTables):
    leak = case.audit("honest").leakage

    assert (leak.from_future, leak.newer, leak.label_dependence.features) == (0, (), ())
    assert abs(leak.label_dependence.z) < 5
    assert {each.feature: each.kind for each in case.audit("honest").features} == {
        "person_income": "shifted",
        "loan_int_rate": "null",
    }


def test_a_copy_differs_in_nothing_and_no_row_is_scored_for_it(case: SeveralTables):
    found = case.audit("copy")

    assert (found.rows, found.unmatched.here, found.unmatched.there) == (len(case.loans.rows), 0, 0)
    assert (found.features, found.together.mean_abs, found.together.variant) == ((), 0.0, None)
    assert not [name for name in case.result.summary.variants if "copy" in name]


def test_the_scores_are_bit_for_bit_those_of_a_table_with_the_columns_pasted_in(case: SeveralTables, tmp_path: Path):
    """Of numbers and of names: a plain replay of what pandas put together."""
    variant = {each.feature: each.cost.variant for each in case.audit("planted").features}
    found = case.result.to_pandas().set_index(KEY)
    for name in ("loan_int_rate", "loan_intent"):
        pasted = Loans(case.loans.with_columns(case.tables["planted"], [name]), case.loans.model)
        (tmp_path / name).mkdir()
        config = write_case(tmp_path / name, pasted, pasted.rows, audits={}, sources={})
        plain = replay.run(config, quiet=True).to_pandas().set_index(KEY)["prod"]
        own = found[variant[name]].where(found[variant[name]].notna(), found["prod"])

        assert own.loc[plain.index].to_numpy().tobytes() == plain.to_numpy().tobytes()
        assert (own != found["prod"]).sum() > 100


def test_the_keys_of_each_table_are_read_once(case: SeveralTables):
    """The comparison and the replay that follows are of the same rows."""
    assert sorted(case.checked) == sorted(case.tables)


def test_all_is_in_the_summary(case: SeveralTables):
    told = json.loads((case.config.parent / "out" / "summary.json").read_text())["audits"]

    assert list(told) == list(yaml.safe_load(case.config.read_text())["audits"])
    assert set(told["leaking"]["leakage"]["gain_from_backfill"]) == {"ne_decrease", "auc_increase"}
    assert "leakage" not in told["planted"]
