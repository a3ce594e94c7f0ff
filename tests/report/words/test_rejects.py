"""Rejected rows in words."""

from __future__ import annotations

import yaml

from replay.features import REJECT_REASONS
from replay.rehearsal import check_contract
from replay.report.summary import FeatureRejects, Reconciliation, Summary, UnreadFile
from replay.report.words.rejects import (
    REASONS,
    mend_lines,
    no_verdict_sentence,
    refusal_text,
    reject_lines,
    rejected_sentence,
    rejected_warnings,
    unread_warnings,
)
from tests.rehearsal.cases import rows_of
from tests.report.sample import comparison, summary, variant


def test_every_reason_has_words():
    assert set(REASONS) == set(REJECT_REASONS[1:])


def test_a_sentence_names_the_worst_features_with_an_example():
    features = {
        "I3": FeatureRejects({"not_representable": 900}, "2.5", {"id": "r1"}),
        "price": FeatureRejects({"null_without_default": 90}, "null", {"id": "r2"}),
        "hist": FeatureRejects({"wrong_length": 8}, None, {}),
        "a": FeatureRejects({"unknown_vocabulary": 1}, "'xx'", {"id": "r4"}),
        "b": FeatureRejects({"unknown_vocabulary": 1}),
    }
    assert rejected_sentence(1_000, 2_000, features) == (
        "1,000 of 2,000 rows (50%) are rejected: I3 in 900 rows (a value that the input's dtype cannot hold, such as "
        "2.5 at id=r1); price in 90 rows (null, such as at id=r2); hist in 8 rows (a list of another length); "
        "2 more features"
    )


def run(rejected: int, scored: int, compared: int, **missing: int) -> Summary:
    reasons = {"null_without_default": rejected} if rejected else {}
    found = comparison(compared, 0, **missing)
    return summary({"prod": variant(found)}, reconciliation=Reconciliation(rejected + scored, 0, reasons, scored))


def test_a_run_that_compared_enough_gives_a_verdict_and_says_what_it_rejected():
    assert no_verdict_sentence(run(1, 99, 99), 0.01) is None
    assert rejected_warnings(run(1, 99, 99), None) == ("1 of 100 rows (1%) is rejected",)
    assert rejected_warnings(run(0, 100, 100), None) == ()


def test_too_many_rejected_rows_keep_a_run_from_a_verdict():
    said = no_verdict_sentence(run(2, 98, 98), 0.01)
    assert said == "2 of 100 rows (2%) are rejected; `engine.max_rejected` allows 1%"
    assert rejected_warnings(run(2, 98, 98), said) == (f"no verdict: {said}",)


def test_nothing_compared_keeps_a_run_from_a_verdict():
    assert no_verdict_sentence(run(0, 100, 0, missing_reference=100), 0.01) == (
        "nothing could be compared: the online score is null in every one of 100 rows"
    )
    assert no_verdict_sentence(run(0, 100, 0, missing_reference=40, missing_replayed=60), 0.01) == (
        "nothing could be compared: none of 100 rows has both scores"
    )


def test_what_is_not_known_by_feature_is_counted_all_the_same():
    assert rejected_sentence(1, 4, {}) == "1 of 4 rows (25%) is rejected"


def test_a_refusal_has_the_features_and_what_to_paste():
    rows = rows_of({"a": [0.5, 1.0, 2.0, None]}, [{"name": "x", "dtype": "int64", "feature": "a"}])
    lines = refusal_text(check_contract(rows, lambda _: True), 0.01).splitlines()
    assert lines[:4] == [
        "2 of 4 sampled rows (50%) break the model's contract and would be rejected; `engine.max_rejected` allows 1%",
        "  a (input x): 1 row, null, and no `missing` says what a null becomes; for example at id=r3",
        "  a (input x): 1 row, a value that the input's dtype cannot hold; for example 0.5 at id=r0",
        "With these keys, 4 of the 4 rows are accepted:",
    ]
    assert yaml.safe_load("\n".join(lines[4:])) == {
        "model": {"inputs": [{"name": "x", "dtype": "float32", "missing": 1.0}]}
    }


def test_many_features_end_with_how_many_more():
    columns = {f"f{place}": [1.0, None] for place in range(20)}
    contract = check_contract(rows_of(columns, [{"name": "x", "features": ["f*"]}]), lambda _: True)
    assert len(reject_lines(contract.rejects)) == 9
    assert reject_lines(contract.rejects)[-1] == "and 12 more features"


def test_where_no_key_helps_it_says_so():
    rows = rows_of({"a": [0.5]}, [{"name": "x", "dtype": "int64", "feature": "a"}])
    assert list(mend_lines(check_contract(rows, lambda _: False))) == [
        "No key of the config makes the checkpoints accept these rows: log other values, or leave the rows out."
    ]


def without_files(files: tuple[UnreadFile, ...], rejected: dict[str, int], scored: int) -> Summary:
    account = Reconciliation(sum(rejected.values()) + scored, 0, rejected, scored, unreadable=files)
    return summary({"prod": variant(comparison(scored, 0))}, reconciliation=account)


def test_files_that_were_left_out_are_told_before_rows():
    files = (UnreadFile("t/a", "is damaged", 1, 1),)
    assert rejected_warnings(without_files(files, {"null_without_default": 2, "unreadable_file": 1}, 97), None) == (
        "1 file cannot be read and is left out: t/a (1 row; is damaged)",
        "2 of 99 rows (2%) are rejected",
    )


def test_of_many_files_some_are_named():
    files = [UnreadFile(f"t/{place}", "is empty", None, 1) for place in range(5)]
    [said] = unread_warnings(files)
    assert said.startswith("5 files cannot be read and are left out: t/0 (rows unknown, counted as 1;")
    assert said.endswith("; 2 more")


def test_rows_of_files_keep_a_run_from_a_verdict_also_where_they_are_not_known():
    known = without_files((UnreadFile("t/a", "is damaged", 2, 2),), {"unreadable_file": 2}, 98)
    unknown = without_files((UnreadFile("t/a", "is damaged", None, 2),), {"unreadable_file": 0}, 98)
    for found, rows in ((known, "2 rows"), (unknown, "rows unknown, counted as 2")):
        assert no_verdict_sentence(found, 0.02) is None
        assert no_verdict_sentence(found, 0.019) == (
            f"1 file cannot be read and is left out: t/a ({rows}; is damaged); `engine.max_rejected` allows 1.9%"
        )
