"""What is said of a cause that was replayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from replay.diagnosis.causes.cause import CauseWindow
from replay.report.summary import CauseCheck, Verification
from replay.report.words.verification import (
    verification_answer,
    verification_facts,
    verification_sentence,
    verification_subject,
)

CHECK = CauseCheck(1, "family counts null", "prod/incident_1_cause_1", 583, 190, 1.0, 1.0, 0.99, 1.0, holds=True)
FOUND = Verification(
    output="/out",
    run_id="r1",
    incident=1,
    start=datetime(2026, 11, 20, 18, 44, tzinfo=UTC),
    end=datetime(2026, 11, 20, 18, 46, 58, 516001, tzinfo=UTC),
    segments={"surface": "home"},
    rows=779,
    mismatched=583,
    mismatched_before=583,
    asked=1,
    causes=(CHECK,),
    together=583,
    share=1.0,
)


def test_one_sentence_says_it():
    assert verification_sentence(FOUND) == (
        "family counts null: 583 of 583 mismatched rows now agree (0 before); of the 196 other rows of the slice, 190 "
        "would change."
    )
    everyone = replace(FOUND, segments={})
    assert "of the 196 other rows of its time, 190" in verification_sentence(everyone)


def test_the_answer_comes_with_its_rule():
    assert verification_answer(FOUND) == "The cause holds"
    rule, hit = verification_facts(FOUND)
    assert rule == (
        "100% of the mismatched rows agree: the cause holds where that is not below the 95% interval of the diagnosis, "
        "99% to 100%."
    )
    assert hit == "The other rows that would change agree as they are: they were not hit."
    fails = replace(CHECK, agreeing=300, rate=300 / 583, others_changed=0, holds=False)
    failed = replace(FOUND, causes=(fails,))
    assert verification_answer(failed) == "The cause does not hold"
    assert next(verification_facts(failed)).startswith("51.5% of the mismatched rows agree: ")
    assert len([*verification_facts(failed)]) == 1


def test_what_it_cannot_be_told_from_is_said_too():
    told = replace(FOUND, causes=(replace(CHECK, equivalent="family counts null or zero: the same."),))
    assert [*verification_facts(told)][2:] == ["family counts null or zero: the same."]


def test_a_mixture_is_told_by_cause_and_together():
    second = replace(CHECK, cause=2, words="checkpoint old answered", agreeing=100, rate=100 / 583)
    mixture = replace(FOUND, causes=(replace(CHECK, agreeing=400), second), asked=2, together=490)
    assert verification_sentence(mixture).startswith("checkpoint old answered: 100 of 583 ")
    assert (
        "By cause: family counts null 400, checkpoint old answered 100; under at least one of them 490 of 583 "
        "mismatched rows agree."
    ) in [*verification_facts(mixture)]


def test_what_is_not_as_the_first_run_saw_it_is_said():
    facts = [*verification_facts(replace(FOUND, mismatched_before=600, share=0.25))]
    assert facts[-2:] == [
        "The run that found the incident counted 600 mismatched rows.",
        "Rows are counted among 25% of all, drawn by hash.",
    ]
    nothing = replace(FOUND, rows=0, mismatched=0, causes=(replace(CHECK, rate=None, holds=False),))
    assert verification_answer(nothing) == "There is nothing to verify"
    assert next(verification_facts(nothing)).startswith("No row of the incident is mismatched in this replay")


def test_it_says_what_it_is_about():
    assert verification_subject(FOUND) == "Incident 1 of /out: 2026-11-20 18:44 to 18:46:58 UTC, surface=home"


def test_a_cause_with_its_own_time_is_told_of_that():
    window = CauseWindow(FOUND.start, FOUND.start.replace(second=30), {}, 400, 300, 300, 297)
    own = replace(CHECK, agreeing=299, rows=400, mismatched=300, windows=(window,))
    found = replace(FOUND, causes=(own,))

    assert verification_sentence(found) == (
        "family counts null: 299 of 300 mismatched rows now agree (0 before); of the 100 other rows of its time, 190 "
        "would change."
    )
    assert "These are the rows of its own time, from 18:44 to 18:44:30 on all rows." in verification_facts(found)
    assert verification_answer(replace(FOUND, causes=(replace(own, mismatched=0),))) == "There is nothing to verify"
