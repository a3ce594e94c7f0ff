"""Which variant is worst, and what its scores suffer from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from replay.report.summary import Stability, VariantSummary
from replay.report.words.variants import instabilities, mean_sentence, variants_by_harm
from tests.report import sample


def _variant(drop: float | None, *, non_finite: int = 0, mean_abs: float = 0.1) -> VariantSummary:
    against = sample.comparison(100, 9, auc_drop=drop, mean_abs=mean_abs)
    return replace(sample.variant(None, vs_baseline=against), stability=Stability(non_finite=non_finite))


def test_the_worst_is_on_top_and_the_baseline_last() -> None:
    base = sample.variant(sample.comparison(100, 0))
    variants = {"prod": base, "a": _variant(0.01), "gain": _variant(-0.02), "b": _variant(0.03)}
    found = variants_by_harm(sample.summary({**variants, "nan": _variant(0.0, non_finite=1)}))
    assert found == ["nan", "b", "a", "gain", "prod"]


def test_the_baseline_is_ranked_by_nothing_and_a_second_checkpoint_without_a_comparison_is_left_out() -> None:
    alone = sample.variant(sample.comparison(100, 0))
    assert variants_by_harm(sample.summary({"prod": alone, "other": alone})) == ["prod"]


def test_a_loss_of_entropy_ranks_where_no_auc_is_known() -> None:
    def variant(increase: float) -> VariantSummary:
        return sample.variant(None, vs_baseline=sample.comparison(100, 9, ne_increase=increase))

    variants = {"prod": sample.variant(None), "a": variant(0.1), "b": variant(0.2)}
    assert variants_by_harm(sample.summary(variants)) == ["b", "a", "prod"]


def _scored(rows: int = 10_000, **stability: Any) -> VariantSummary:
    return replace(sample.variant(None), rows=rows, stability=Stability(**stability))


PROBABILITIES = _scored(largest_logit=5.08, saturated=3)


@pytest.mark.parametrize(
    ("variant", "named"),
    [
        (_scored(largest_logit=5.38, out_of_range=41), ()),  # as healthy as the baseline
        (_scored(non_finite=12, largest_logit=5.0), ("12 non-finite",)),
        (_scored(out_of_range=1_234, largest_logit=None), ("1,234 out of range",)),  # logits
        (_scored(largest_logit=13.8, saturated=30), ()),  # ten times the baseline's
        (_scored(largest_logit=13.8, saturated=31), ("31 saturated",)),
        (_scored(rows=1_000, largest_logit=13.8, saturated=3), ()),
        (_scored(rows=1_000, largest_logit=13.8, saturated=4), ("4 saturated",)),
        (_scored(), ()),
    ],
    ids=["range", "nan", "logits", "some", "many", "few rows", "many of few", "none"],
)
def test_only_what_no_healthy_model_gives_is_named(variant: VariantSummary, named: tuple[str, ...]) -> None:
    assert instabilities(variant, PROBABILITIES) == named


def test_less_than_one_in_a_thousand_is_no_fault() -> None:
    clean = _scored(largest_logit=5.0)
    assert instabilities(_scored(saturated=10, largest_logit=13.8), clean) == ()
    assert instabilities(_scored(saturated=11, largest_logit=13.8), clean) == ("11 saturated",)


def test_of_logits_no_range_is_a_fault() -> None:
    logits = _scored(largest_logit=None)
    assert instabilities(_scored(out_of_range=500, largest_logit=None), logits) == ()


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((-1e-6, 1.6e-6), "The differences cancel: a row is off by 0.00034, the mean score by +3e-7 ("),
        ((1e-7, 6e-7), "The differences move the mean score, by +3e-7 (+1e-7 to +6e-7)."),
        ((-1e-3, 1e-3), "Whether the differences move the mean score cannot be told: by +3e-7 ("),
        ((None, None), ""),
    ],
    ids=["cancel", "move", "few rows", "no interval"],
)
def test_differences_that_cancel_are_told_from_those_that_do_not(ends: tuple[float | None, ...], said: str) -> None:
    low, high = ends
    found = sample.comparison(100, 9, mean_delta=3e-7, mean_delta_low=low, mean_delta_high=high)
    assert mean_sentence(found).startswith(said)
    assert bool(mean_sentence(found)) == bool(said)


def test_without_a_difference_nothing_is_said_of_the_mean() -> None:
    assert mean_sentence(sample.comparison(100, 0, mean_delta_low=-1.0, mean_delta_high=1.0)) == ""
    assert mean_sentence(None) == ""
