"""Which variants are a dose-response, and in what order."""

from __future__ import annotations

from replay.report.charts.dose import dose_charts
from replay.report.summary import VariantSummary
from tests.report import sample
from tests.report.everything import everything_data


def _variants(doses: dict[str, float | None], scenario: str = "x") -> dict[str, VariantSummary]:
    found = {}
    for dose, drop in doses.items():
        ends = {} if drop is None else {"auc_drop_low": drop - 0.001, "auc_drop_high": drop + 0.001}
        against = sample.comparison(100, 9, auc_drop=drop, mean_abs=0.5, **ends)
        found[f"prod/{scenario}@{dose}"] = sample.variant(None, vs_baseline=against)
    return {"prod": sample.variant(sample.comparison(100, 0)), **found}


def test_doses_are_in_order_whatever_the_config_says() -> None:
    (chart,) = dose_charts(sample.summary(_variants({"0.5": 0.02, "0.1": 0.01, "1": 0.04})))
    assert (chart.title, chart.loss) == ("prod/x", "AUC drop")
    assert [(point.label, point.loss, point.interval) for point in chart.points] == [
        ("0.1", "0.01", "0.009 to 0.011"),
        ("0.5", "0.02", "0.019 to 0.021"),
        ("1", "0.04", "0.039 to 0.041"),
    ]


def test_lags_are_places_in_time() -> None:
    (chart,) = dose_charts(sample.summary(_variants({"1d": 0.04, "3h": 0.01, "12h": 0.02})))
    assert [(point.label, point.at) for point in chart.points] == [("3h", 0.125), ("12h", 0.5), ("1d", 1.0)]


def test_without_a_label_the_mean_distance_is_drawn() -> None:
    (chart,) = dose_charts(sample.summary(_variants({"1": 0.1, "2": None, "3": 0.2})))
    assert (chart.loss, [point.loss for point in chart.points]) == ("mean |difference|", ["0.5", "0.5", "0.5"])


def test_two_values_or_names_are_no_curve() -> None:
    assert dose_charts(sample.summary(_variants({"1": 0.1, "2": 0.2}))) == ()
    assert dose_charts(sample.summary(_variants({"1": 0.1, "int8": 0.2, "float16": 0.3}))) == ()


def test_the_largest_effect_is_first() -> None:
    charts = dose_charts(everything_data().summary)
    assert [chart.title for chart in charts] == ["prod/counts_dose", "prod/stale"]
    assert [point.note for point in charts[0].points][1] == "20,000 rows touched"
