"""An audit of real loans end to end: kinds as planted, costs and their order as plain torch has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.config import load_config
from replay.errors import ConfigError, OutputConflict, UsageError
from replay.flows.audit import run as module
from replay.flows.audit.run import audit, choose_audits
from tests.flows.audit.conftest import AuditedLoans
from tests.flows.audit.loans import KEY, UNUSED
from tests.flows.finished.complete import write_complete, write_inputs

pytestmark = pytest.mark.real_data

KINDS = {
    "person_income": "unit",
    "loan_int_rate": "not_served",
    "population": "not_served",
    "person_emp_length": "default",
    "credit_card_due": "older",
    "loan_intent": "vocabulary",
    UNUSED: "shifted",
}


def _oracle(case: AuditedLoans, *names: str) -> tuple[float, float]:
    """Mean change of the score and of NE, by plain torch; rows that the log lacks keep what was logged."""
    loans, there = case.loans, case.loans.rows[KEY].isin(case.served[KEY]).to_numpy()
    changed = loans.with_columns(case.served, list(names))
    kept = [name for name in names if name in case.served]
    changed.loc[~there, kept] = loans.rows.loc[~there, kept]
    before, after = loans.scores(), loans.scores(changed)
    return float(np.abs(after - before).mean()), loans.ne(after) - loans.ne(before)


@pytest.mark.spark
def test_each_difference_is_named_as_it_was_planted(audited: AuditedLoans):
    found = audited.result.summary.audits["logging"]

    assert {each.feature: each.kind for each in found.features} == KINDS
    older = next(each for each in found.features if each.kind == "older")
    assert older.lag_seconds == pytest.approx(86_400, rel=0.01)
    assert found.features_compared == 10
    assert (found.rows, found.unmatched.here, found.unmatched.there) == (7_840, 160, 0)


@pytest.mark.spark
def test_costs_and_their_order_are_plain_torchs(audited: AuditedLoans):
    found = audited.result.summary.audits["logging"]
    expected = {name: _oracle(audited, name) for name in KINDS}

    for each in found.features:
        mean_abs, ne = expected[each.feature]
        assert each.cost.mean_abs == pytest.approx(mean_abs, rel=1e-4, abs=1e-9)
        assert each.cost.ne_increase.value == pytest.approx(ne, rel=1e-3, abs=1e-7)
    assert [each.feature for each in found.features] == sorted(expected, key=lambda name: -abs(expected[name][1]))
    assert found.together.mean_abs == pytest.approx(_oracle(audited, *KINDS)[0], rel=1e-4)


@pytest.mark.spark
def test_what_costs_nothing_raises_no_alarm(audited: AuditedLoans):
    found = audited.result.summary.audits["logging"]
    quiet = [each for each in found.features if not each.alarm]

    assert [each.feature for each in quiet] == [UNUSED]
    assert quiet[0].significant
    assert quiet[0].mismatch_rate == pytest.approx(0.3, abs=0.03)
    assert UNUSED not in found.core


@pytest.mark.spark
def test_values_from_the_future_are_counted(audited: AuditedLoans):
    leakage = audited.result.summary.audits["logging"].leakage
    late = int((audited.served["loan_amnt__timestamp"] > audited.served[KEY].map(_times(audited))).sum())

    assert (leakage.from_future, leakage.from_future_features) == (late, ("loan_amnt",))
    assert leakage.newer == ()


def _times(case: AuditedLoans):
    return case.loans.rows.set_index(KEY)["event_timestamp"]


@pytest.mark.spark
def test_gates_on_the_audit_are_judged_and_all_is_in_the_summary(audited: AuditedLoans):
    summary = audited.result.summary
    told = json.loads((audited.config.parent / "out" / "summary.json").read_text())

    assert [(gate.metric, gate.verdict) for gate in summary.gates] == [
        ("value_mismatch_rate", "failed"),
        ("alarms", "passed"),
        ("from_future", "failed"),
    ]
    assert told["audits"]["logging"]["features"][0]["feature"] == summary.audits["logging"].features[0].feature
    assert not [name for name in told["variants"] if "without." in name]
    assert summary.slices.variants == 1  # what differs in slices is told of the audit
    assert not [text for text in told["warnings"] if "replay audit" in text or "not touched" in text]
    assert "Other tables" in Path(audited.result.report_path).read_text()


@pytest.mark.spark
def test_a_log_that_scored_online_explains_the_mismatches(audited: AuditedLoans, tmp_path: Path):
    """Online scored with what the log says: replayed with it, every score is online's."""
    loans, config = audited.loans, tmp_path / "replay.yaml"
    names = ["person_income", "person_emp_length"]
    online = loans.scores(loans.with_columns(audited.served, names).fillna(loans.rows))
    traffic = loans.rows.assign(online_score=online)
    traffic.to_parquet(tmp_path / "traffic.parquet", index=False)
    for name in ("served.parquet", "prod.pt2", "intents.json", "replay.yaml"):
        (tmp_path / name).write_bytes((audited.config.parent / name).read_bytes())
    overrides = ("gates=[]", f"audits.logging.features={json.dumps(names)}", "features.core=[person_income]")

    found = audit(str(config), overrides=overrides, quiet=True).summary.audits["logging"]

    assert found.explains_mismatches.value == 1.0
    assert found.explains_mismatches.rows > 500
    assert found.core == ("person_income",)
    assert {each.feature for each in found.features} == set(names)


def test_what_cannot_be_audited_is_refused(audited_config: Path):
    config = load_config(audited_config)

    assert choose_audits(config, ()) == ("logging",)
    with pytest.raises(UsageError, match="found audit drift, expected one of the config: logging"):
        choose_audits(config, ("drift",))
    with pytest.raises(UsageError, match="the config has no `audits`"):
        choose_audits(config.model_copy(update={"audits": {}}), ())
    with pytest.raises(
        ConfigError, match=r"`value_mismatch` is no metric of an audit; did you mean `value_mismatch_rate`"
    ):
        audit(replace_gate(config), quiet=True)


def test_the_run_of_the_same_config_is_kept_and_the_audit_refused_before_tables_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Compared(Exception):
        pass

    def prepare(*_: Any, **__: Any) -> Any:
        raise Compared

    monkeypatch.setattr(module, "prepare", prepare)
    sources, audits = {"served": {"path": "traffic", "key": ["request_id"]}}, {"logging": {"against": "served"}}
    path = write_inputs(tmp_path, sources=sources, audits=audits)
    with pytest.raises(Compared):
        audit(path, quiet=True)
    output = write_complete(path)
    held = (output / "manifest.json").read_text()

    with pytest.raises(OutputConflict, match=rf"holds run 1 of this config, .*--output {output}-audit, or --overwrite"):
        audit(path, quiet=True)

    assert (output / "manifest.json").read_text() == held
    with pytest.raises(Compared):
        audit(path, quiet=True, overwrite=True)
    (output / "features").mkdir()  # what an audit leaves
    with pytest.raises(Compared):
        audit(path, quiet=True)


def replace_gate(config):
    gate = config.gates[0].model_copy(update={"metric": "value_mismatch"})
    return config.model_copy(update={"gates": (gate,)})


@pytest.fixture
def audited_config(tmp_path: Path) -> Path:
    from tests.flows.audit.conftest import GATES
    from tests.flows.audit.loans import load_loans, write_case

    loans = load_loans()
    return write_case(tmp_path, loans, loans.rows, gates=GATES)
