"""Where nearly all rows disagree, the contract is named, its YAML mends it, and incidents are not hidden by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

import replay
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.diagnosis.causes.find import Diagnosis
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.flows.incidents.contract import name_contract
from replay.flows.options import Options
from replay.rehearsal.fixes.fix import Fix
from tests.flows.case import expected_scores, make_table, write_case

FIX = Fix(
    "with `transform: sigmoid` 190 of 200 rows agree (0 before)", "  output: {transform: sigmoid}", {}, 200, 190, 0
)
SWAP = Hypothesis("swap", "prod", ("a", "b"), (("with", ("b", "a")),), other_features=("a", "b"))


def diagnosis(*causes: Cause) -> Diagnosis:
    return Diagnosis(causes, (), (), 1000, False)


def test_the_contract_comes_first_with_its_evidence():
    named = name_contract(FIX, diagnosis(Cause(UNEXPLAINED, 0.0, 200, share=1.0)))

    cause, rest = named.causes
    assert (cause.kind, cause.explained_rate, cause.rows_tested, cause.share) == ("contract", 0.95, 200, 0.95)
    assert (cause.text, cause.fix, cause.equivalent) == (FIX.words, FIX.yaml, ())
    assert cause.explained_low < 0.95 < cause.explained_high
    assert (rest.kind, rest.share) == (UNEXPLAINED, 0.05)
    assert "10 of 200 rows still disagree" in rest.text


@pytest.mark.parametrize(("rate", "names"), [(0.945, 1), (0.5, 0)])
def test_a_hypothesis_that_explains_as_much_is_said_too(rate, names):
    named = name_contract(FIX, diagnosis(Cause("swap", rate, 200, hypothesis=SWAP)))

    assert len(named.causes[0].equivalent) == names


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Traffic whose scores were right at all times."""
    table = make_table(2_000)
    place = table.schema.get_field_index("online_score")
    return table.set_column(place, "online_score", pa.array(expected_scores(table)))


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_forgotten_sigmoid_is_the_contract_and_no_incident(tmp_path: Path, table: pa.Table):
    path = write_case(tmp_path, table, files=1, model__output={"transform": "none"})
    found = replay.diagnose(path, options=Options())

    (incident,) = found.summary.incidents
    (cause,) = incident.causes
    assert cause.kind == "contract"
    assert cause.text == "with `transform: sigmoid` 2,000 of 2,000 rows agree (0 before)"
    assert incident.mismatched == incident.rows == 2_000
    assert yaml.safe_load(cause.fix) == {"output": {"transform": "sigmoid"}}
    assert found.summary.warnings == ()
    verdict = Path(found.report_path).read_text(encoding="utf-8")
    assert "The contract, not the traffic: with `transform: sigmoid` 2,000 of 2,000 rows agree" in verdict

    data = yaml.safe_load(path.read_text())
    data["model"] |= yaml.safe_load(cause.fix)
    path.write_text(yaml.safe_dump(data))
    mended = replay.diagnose(path, output=str(tmp_path / "again"), options=Options())
    assert mended.summary.incidents == ()


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_rehearsal_shows_what_mends_it_and_nothing_once_it_is_mended(tmp_path: Path, table: pa.Table):
    path = write_case(tmp_path, table, files=1, model__output={"transform": "none"})
    found = replay.validate(path, options=Options())

    (fix,) = found.fixes
    assert fix.settings == {"model.output": {"transform": "sigmoid"}}
    shown = found.render("replay.yaml").splitlines()
    place = shown.index("paste this into the config:")
    assert yaml.safe_load("\n".join(shown[place + 1 : place + 3])) == {"output": {"transform": "sigmoid"}}

    overrides = ["model.output={transform: sigmoid}"]
    assert replay.validate(path, overrides=overrides, options=Options()).fixes == ()


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_plain_run_says_where_to_look(tmp_path: Path, table: pa.Table):
    scores = 100 * np.array(table["online_score"])
    place = table.schema.get_field_index("online_score")
    path = write_case(tmp_path, table.set_column(place, "online_score", pa.array(scores)), files=1)
    found = replay.run(path, options=Options())

    (warning,) = found.summary.warnings
    assert warning.startswith("2,000 of 2,000 rows disagree with online under the baseline `prod`")
    assert f"`replay validate {path}`" in warning
