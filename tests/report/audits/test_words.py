"""An audit in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replay.metrics.value import MetricValue
from replay.report.audits.words import (
    audit_sentence,
    cost_text,
    difference_text,
    explains_sentence,
    kind_details,
    leakage_sentence,
    mattering_sentence,
    schedule_sentence,
    together_sentence,
)
from replay.report.summary.audits import BackfillGain, DifferenceCost, LabelDependenceSummary, LeakageSummary
from tests.report.audits.found import AUDIT, DAILY, HARMLESS, SOMEWHERE, STALE


def test_how_many_differ_and_how_many_matter_come_first():
    assert audit_sentence("logging", AUDIT) == (
        "logging: 2 of 12 features differ from served, 1 matters; clicks_7d most (older values, by 3 h)."
    )
    quiet = replace(AUDIT, features=(HARMLESS,))
    assert audit_sentence("a", quiet) == "a: 1 of 12 features differs from served, and none costs more than it may."
    assert audit_sentence("a", replace(AUDIT, features=())) == "a: none of 12 features differs from served."


def test_what_is_not_measured_is_never_said_to_cost_nothing():
    unknown = replace(HARMLESS, cost=DifferenceCost(None, reason="it is text"))
    assert audit_sentence("a", replace(AUDIT, features=(HARMLESS, unknown))) == (
        "a: 2 of 12 features differ from served; 1 could not be costed, and none of the others costs more than it may."
    )
    unjoined = replace(AUDIT, joined=False, features=(replace(unknown, kind="shifted", details=None),))
    assert audit_sentence("a", unjoined) == (
        "a: 1 of 12 features is distributed otherwise than in served; its cost could not be measured."
    )


def test_what_matters_is_told_over_all_audits():
    assert mattering_sentence({"a": replace(AUDIT, features=(HARMLESS,))}) is None
    assert mattering_sentence({}) is None
    several = replace(AUDIT, features=tuple(replace(STALE, feature=f"f{place}") for place in range(5)))
    assert mattering_sentence({"quiet": replace(AUDIT, features=()), "a": several}) == (
        "5 of 12 features differ from served and matter: f0 (older values, by 3 h), f1 (older values, by 3 h), "
        "f2 (older values, by 3 h) and 2 more."
    )
    assert mattering_sentence({"a": AUDIT, "b": replace(AUDIT, against="trained")}) == (
        "1 of 12 features differs from served and matters: clicks_7d (older values, by 3 h). "
        "Features matter against trained too."
    )
    assert mattering_sentence({"a": replace(AUDIT, joined=False)}) == (
        "1 of 12 features is distributed otherwise than in served and matters: clicks_7d (older values, by 3 h)."
    )


def test_a_difference_is_told_with_what_is_known_of_it():
    assert difference_text(STALE) == "older values, by 3 h"
    assert difference_text(HARMLESS) == "another unit: its values are 100 times those here"
    assert difference_text(replace(STALE, lag_seconds=None)) == "older values"


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"slices": ["s=a", "s=b", "s=c", "s=d"]}, "no value in s=a, s=b, s=c and 1 more"),
        ({"slices": ["all"]}, None),
        ({"status": "timeout"}, "with status timeout"),
        ({"value": -1.0}, "it is -1.0"),
        ({"dtype": "float16"}, "what float16 leaves of the values here"),
        ({"term": 273.15}, "its values are those here plus 273.15"),
        ({"term": -1.0}, "its values are those here less 1"),
        ({"longest": 10}, "at most 10 elements"),
        ({}, None),
    ],
)
def test_details(details, words):
    assert kind_details(details) == words


def test_a_cost_is_told_in_ne_where_it_is_known():
    assert cost_text(STALE.cost) == "NE +0.02 (0.01 to 0.03), the score changes by 0.03"
    assert cost_text(DifferenceCost(0.5, MetricValue(None, None, None, 3))) == "the score changes by 0.5"


def test_what_it_explains():
    sentence = "With the values of served, 97% of the 400 rows that online scored otherwise give what online answered."

    assert explains_sentence(AUDIT) == sentence
    assert explains_sentence(replace(AUDIT, explains_mismatches=MetricValue(None, None, None, 0))) is None


def test_leakage():
    assert leakage_sentence(AUDIT) == (
        "Leakage: 3 values are later than their event (clicks_7d); "
        "whether price differs depends on the label (z = 12.5)."
    )
    none = LeakageSummary(0, LabelDependenceSummary(0.3))
    assert leakage_sentence(replace(AUDIT, leakage=none)) == "Leakage: none of the three tests found any."
    assert leakage_sentence(replace(AUDIT, leakage=None)) is None
    newer = LeakageSummary(0, LabelDependenceSummary(None), newer=("a",))
    assert leakage_sentence(replace(AUDIT, leakage=newer)) == "Leakage: a holds values of a later time."


def test_what_a_leak_makes_of_an_offline_gain():
    gain = BackfillGain(MetricValue(0.05, 0.04, 0.06, 100), MetricValue(0.0125, 0.01, 0.015, 100))
    leak = LeakageSummary(0, LabelDependenceSummary(None), newer=("a",), gain_from_backfill=gain)
    told = leakage_sentence(replace(AUDIT, leakage=leak))

    assert told == (
        "Leakage: a holds values of a later time. With all its values NE changes by \N{MINUS SIGN}0.05, and AUC by "
        "+0.0125."
    )
    unknown = replace(leak, gain_from_backfill=replace(gain, auc_increase=MetricValue(None, None, None, 100)))
    assert leakage_sentence(replace(AUDIT, leakage=unknown)) == "Leakage: a holds values of a later time."


def test_schedules():
    assert schedule_sentence(DAILY, "served") == (
        "clicks_7d is computed at about 03:00 UTC, here and in served, up to 24 h old; before that hour its values are "
        "of the day before."
    )
    assert schedule_sentence(SOMEWHERE, "served") == (
        "a, b are computed at about 00:00 UTC in served, in surface=shop, 6 to 30 h old."
    )


def test_what_several_differences_cost_at_once_is_told_by_family_too():
    both = replace(AUDIT, families={"counts": DifferenceCost(0.02), "prices": DifferenceCost(None, reason="unknown")})

    assert together_sentence(both) == (
        "All at once: NE +0.025 (0.02 to 0.03), the score changes by 0.04; counts: the score changes by 0.02."
    )
    assert together_sentence(replace(AUDIT, features=(STALE,))) is None
    assert together_sentence(replace(AUDIT, together=DifferenceCost(None, reason="unknown"))) is None
