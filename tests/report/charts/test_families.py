"""The ranking of families, drawn and told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.charts.families import family_ranking, family_sentence
from replay.report.summary.effects import FamilyEffect
from tests.report import sample

COUNTS = FamilyEffect("counts", "prod/null.counts", "auc_drop", 0.04, 0.03, 0.05, 0.1)
USER = FamilyEffect("user", "prod/null.user", "auc_drop", 0.01, -0.01, 0.03, 0.05)


def test_bars_and_intervals_share_one_scale() -> None:
    ranking = family_ranking(replace(sample.bare_data().summary, sensitivity=(COUNTS, USER)))
    assert ranking is not None
    assert ranking.zero == pytest.approx(1 / 6)  # the axis runs from -0.01 to 0.05
    first, second = ranking.lines
    assert first.bar == pytest.approx((1 / 6, 4 / 6))
    assert first.ends == pytest.approx((4 / 6, 2 / 6))
    assert second.bar == pytest.approx((1 / 6, 1 / 6))
    assert second.ends == pytest.approx((0.0, 4 / 6))
    assert (first.value, first.interval, first.mean_abs) == ("0.04", "0.03 to 0.05", "0.1")


def test_a_family_without_a_value_has_no_bar() -> None:
    unknown = FamilyEffect("query", "prod/null.query", "auc_drop", None)
    ranking = family_ranking(replace(sample.bare_data().summary, sensitivity=(COUNTS, unknown)))
    assert ranking is not None
    assert (ranking.lines[1].bar, ranking.lines[1].ends) == (None, None)
    assert family_ranking(sample.bare_data().summary) is None


def test_the_first_is_named_with_what_is_certain() -> None:
    assert (
        family_sentence((COUNTS, USER))
        == "Losing counts costs most: AUC drop 0.04 (0.03 to 0.05), 4 times that of user."
    )
    assert family_sentence((COUNTS,)) == "Losing counts costs most: AUC drop 0.04 (0.03 to 0.05)."
    assert family_sentence((USER,)) == (
        "user ranks first, but its AUC drop of 0.01 (−0.01 to 0.03) may be chance."  # noqa: RUF001 (a minus)
    )
    bare = replace(COUNTS, metric="mean_abs", low=None, high=None)
    assert family_sentence((bare,)) == "Losing counts costs most: mean |difference| 0.04."
    assert family_sentence((replace(COUNTS, value=None),)) == "AUC drop is not defined for any family."
