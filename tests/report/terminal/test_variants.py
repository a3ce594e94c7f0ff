"""The table of variants, and the lines about unstable scores."""

from __future__ import annotations

from dataclasses import replace

from replay.report.summary import Stability
from replay.report.terminal.variants import VARIANTS_SHOWN, WIDE, unstable_lines, variants_table
from tests.report import sample
from tests.report.audits.found import AUDIT
from tests.report.everything import everything_data


def titles(table) -> list[str]:
    return [column.header for column in table.columns]


def cells(table, row: int) -> list[str]:
    return [str(list(column.cells)[row]) for column in table.columns]


def test_a_lone_baseline_has_its_distances_from_online():
    table, left_out = variants_table(sample.bare_data().summary, "prod", 80)
    assert titles(table) == ["variant", "mismatched", "rate", "p99 |d|", "max |d|", "mean d"]
    assert cells(table, 0) == ["prod", "12", "0.006%", "0.021", "0.413", "+0.00033"]
    assert left_out == 0


def test_a_wide_terminal_has_room_for_the_mean_distance():
    assert "mean |d|" in titles(variants_table(sample.bare_data().summary, "prod", WIDE)[0])
    assert "mean |d|" not in titles(variants_table(sample.bare_data().summary, "prod", WIDE - 1)[0])


def test_the_online_score_has_a_row_where_there_are_labels():
    table, _ = variants_table(sample.burst_data().summary, "prod", 80)
    assert cells(table, 0) == ["online", "", "", "", "", "0.7188"]
    assert cells(table, 1)[0] == "prod"


def test_variants_beyond_the_first_dozen_are_counted():
    summary = sample.many_data(num_variants=40, num_buckets=600).summary
    table, left_out = variants_table(summary, "prod", 80)
    assert left_out == 40 - VARIANTS_SHOWN
    assert table.row_count == VARIANTS_SHOWN + 1  # and the online score


def test_the_worst_three_unstable_variants_are_named():
    variants = {
        name: replace(sample.variant(None), rows=1_000, stability=Stability(non_finite=bad, saturated=full))
        for name, bad, full in (("prod", 0, 2), ("a", 0, 50), ("b", 2, 0), ("c", 1, 90), ("d", 0, 21), ("e", 0, 20))
    }
    assert list(unstable_lines(sample.summary(variants))) == [
        "b: 2 non-finite",
        "c: 1 non-finite, 90 saturated",
        "a: 50 saturated",
        "and 1 more variants",
    ]
    assert list(unstable_lines(sample.clean_data().summary)) == []


def test_those_of_audits_are_left_out_and_counted_and_no_column_is_for_them_alone():
    """An audit's own lines say what they cost; where it costs a share of the rows, the run's table dilutes that."""
    clean = sample.clean_data().summary
    compared = sample.comparison(100, 9)
    costing = sample.variant(compared, vs_baseline=compared)
    variants = {"prod": clean.variants["prod"], "prod/logging.clicks_7d": costing}
    summary = replace(clean, variants=variants, audits={"logging": AUDIT})
    table, left_out = variants_table(summary, "prod", 110)

    assert "prod/logging.clicks_7d" not in {str(cell) for cell in table.columns[0].cells}
    assert left_out == 1
    alone, _ = variants_table(clean, "prod", 110)
    assert [column.header for column in table.columns] == [column.header for column in alone.columns]


def test_variants_that_have_lines_of_their_own_are_left_out():
    summary = everything_data().summary
    table, _ = variants_table(summary, "prod", 110)
    names = {str(cell) for cell in table.columns[0].cells}
    assert not names & {effect.variant for effect in summary.sensitivity}
