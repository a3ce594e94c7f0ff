"""The words of a wrong contract."""

from __future__ import annotations

from datetime import UTC, datetime

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS
from replay.report.summary import Incident
from replay.report.words.causes import as_if, cause_words, not_words
from replay.report.words.incidents import incident_sentence

CAUSE = Cause("contract", 0.975, 200, share=0.975, text="with `transform: sigmoid` 195 of 200 rows agree (0 before)")


def test_it_is_named_for_what_it_is():
    assert cause_words(CAUSE) == "the contract, not the traffic"
    assert as_if(CAUSE) == "as the contract differs from serving's"
    assert not_words("contract") == "not the contract"
    assert KINDS["contract"].describe(Hypothesis("contract", "prod")) == "the contract"


def test_the_headline_is_the_fix():
    at = datetime(2026, 11, 20, tzinfo=UTC)
    incident = Incident(at, at, 200, 200, 1.0, {}, causes=(CAUSE,), permanent=True)

    assert incident_sentence(incident).startswith(
        "The contract, not the traffic: with `transform: sigmoid` 195 of 200 rows agree (0 before). Since 2026-11-20 "
    )


def test_the_search_for_causes_does_not_propose_it():
    assert list(KINDS["contract"].propose(None, None)) == []  # type: ignore[arg-type]
