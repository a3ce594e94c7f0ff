"""Which variant is worst, and what its scores suffer from."""

from __future__ import annotations

from dataclasses import replace

from replay.report.summary import Stability, VariantSummary
from replay.report.words.variants import instabilities, variants_by_harm
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


def test_only_what_there_is_is_named() -> None:
    assert instabilities(Stability(0, 0, 1_234)) == ("1,234 out of range",)
    assert instabilities(Stability(largest_logit=40.0)) == ()
