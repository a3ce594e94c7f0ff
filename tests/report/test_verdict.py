from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from replay.report.summary.data import ReportData
from replay.report.verdict import judge
from tests.report import sample
from tests.report.audits.found import AUDIT, HARMLESS
from tests.report.sample import MINUTE, START


def data_of(rows, wrong, **more):
    described = sample.summary({"prod": sample.variant(sample.comparison(sum(rows), sum(wrong), **more))})
    return ReportData(described, tuple(sample.bucket_rows("prod", rows, wrong)))


def test_a_burst_is_said_with_its_time_and_slice():
    verdict = judge(sample.burst_data())
    assert verdict.level == "differs"
    assert verdict.headline == (
        "4,324 of 200,000 rows (2.2%) differ from the online score beyond the tolerance; "
        "99.9% of them lie between 18:02 and 18:05 UTC."
    )
    assert verdict.details == (
        "Outside that time, 0.002% of the rows differ.",
        "By slice, 99.97% of the mismatches are in surface=home, which holds 46% of the rows.",
    )
    assert verdict.runs == ((START + 62 * MINUTE, START + 65 * MINUTE),)


def test_agreement_is_said_plainly():
    verdict = judge(sample.clean_data())
    assert (verdict.level, verdict.details, verdict.runs) == ("agrees", (), ())
    assert verdict.headline == "All 200,000 rows agree with the online score within the tolerance."


def test_all_that_differ_are_not_called_spread():
    verdict = judge(sample.wrong_data())
    assert verdict.headline == "All 200,000 rows differ from the online score beyond the tolerance."
    assert verdict.details == ()


def test_even_mismatches_are_called_spread():
    assert judge(data_of([100] * 60, [5] * 60)).headline.endswith(", spread evenly over the window.")


def test_a_lean_is_said_with_its_share_of_rows():
    headline = judge(data_of([100] * 100, [0] * 40 + [90] * 60)).headline
    assert headline.endswith("; 100% of them lie between 17:40 and 18:40 UTC, which holds 60% of the rows.")


def test_two_bursts_are_both_named():
    wrong = [0] * 100
    wrong[10] = wrong[70] = 90
    verdict = judge(data_of([100] * 100, wrong))
    assert "lie between 17:10 and 17:11 or between 18:10 and 18:11 UTC." in verdict.headline
    assert verdict.details == ("Outside those times, no row differs.",)


def test_over_days_the_date_is_said():
    rows = [10] * 2_000
    wrong = [0] * 2_000
    wrong[1_500] = 9
    assert "between 2026-11-21 18:00 and 18:01 UTC" in judge(data_of(rows, wrong)).headline


def test_without_time_nothing_is_said_of_it():
    headline = judge(sample.bare_data()).headline
    assert headline == "12 of 200,000 rows (0.006%) differ from the online score beyond the tolerance."


@pytest.mark.parametrize(
    ("compared", "mismatched", "start"),
    [
        (1, 0, "The one compared row agrees"),
        (1, 1, "The one compared row differs"),
        (2, 1, "1 of 2 rows (50%) differs"),
        (2, 2, "All 2 rows differ"),
    ],
)
def test_few_rows_are_said_in_good_english(compared, mismatched, start):
    data = ReportData(sample.summary({"prod": sample.variant(sample.comparison(compared, mismatched))}))
    assert judge(data).headline.startswith(start)


def test_nothing_to_compare_is_no_agreement():
    found = sample.comparison(0, 0, missing_reference=7, missing_both=2)
    verdict = judge(ReportData(sample.summary({"prod": sample.variant(found)}, rows=9)))
    assert verdict.level == "unknown"
    assert verdict.headline == "Nothing could be compared: none of 9 rows has both scores."
    assert verdict.details == ("9 rows could not be compared: 7 without an online score, 2 with neither.",)


def test_rows_that_were_not_compared_are_said():
    found = sample.comparison(5, 0, missing_replayed=1)
    verdict = judge(ReportData(sample.summary({"prod": sample.variant(found)})))
    assert verdict.details == ("1 row could not be compared: 1 without a replayed score.",)


def test_it_speaks_of_the_baseline():
    good, bad = sample.variant(sample.comparison(10, 0)), sample.variant(sample.comparison(10, 10))
    described = sample.summary({"new": bad, "prod": good}, baseline="prod")
    assert (judge(ReportData(described)).variant, judge(ReportData(described)).level) == ("prod", "agrees")


def test_a_wider_bucket_is_as_wide_as_it_is():
    rows = [metric for metric in data_of([100] * 20, [0] * 7 + [90] + [0] * 12).rows]
    moved = [replace(row, bucket=START + (row.bucket - START) * 5) for row in rows if row.bucket]
    described = sample.summary(
        {"prod": sample.variant(sample.comparison(2_000, 90))}, bucket_seconds=timedelta(minutes=5).total_seconds()
    )
    assert "between 17:35 and 17:40 UTC" in judge(ReportData(described, tuple(moved))).headline


def test_what_keeps_a_run_from_a_verdict_is_said_first():
    data = sample.clean_data()
    refused = replace(data, summary=replace(data.summary, refused="9 of 10 rows (90%) are rejected"))
    verdict = judge(refused)
    assert (verdict.level, verdict.headline) == ("unknown", "No verdict: 9 of 10 rows (90%) are rejected.")
    assert verdict.details == ("All 200,000 rows agree with the online score within the tolerance.",)
    nothing = data_of([], [])
    nothing = replace(nothing, summary=replace(nothing.summary, refused="nothing could be compared"))
    assert judge(nothing).headline == "No verdict: nothing could be compared."
    assert judge(nothing).details == ()


def test_what_an_audit_found_to_matter_is_said_before_how_the_scores_compare():
    data = sample.clean_data()
    verdict = judge(replace(data, summary=replace(data.summary, audits={"logging": AUDIT})))

    assert (verdict.level, verdict.variant) == ("differs", "prod")
    assert verdict.headline == "1 of 12 features differs from served and matters: clicks_7d (older values, by 3 h)."
    assert verdict.details == ("All 200,000 rows agree with the online score within the tolerance.",)
    burst = sample.burst_data()
    verdict = judge(replace(burst, summary=replace(burst.summary, audits={"logging": AUDIT})))
    assert verdict.details[0] == judge(burst).headline
    assert verdict.runs == judge(burst).runs


def test_an_audit_that_found_nothing_that_matters_leaves_the_headline():
    data = sample.clean_data()
    quiet = replace(AUDIT, features=(HARMLESS,))

    assert judge(replace(data, summary=replace(data.summary, audits={"logging": quiet}))) == judge(data)


def test_an_audit_does_not_stand_before_what_keeps_a_run_from_a_verdict():
    data = sample.clean_data()
    refused = replace(data.summary, refused="9 of 10 rows (90%) are rejected", audits={"logging": AUDIT})
    verdict = judge(replace(data, summary=refused))

    assert verdict.headline == "No verdict: 9 of 10 rows (90%) are rejected."
    assert verdict.details[0].startswith("1 of 12 features differs from served and matters")
