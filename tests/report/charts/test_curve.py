"""Line charts of a loss, against places worked out by hand."""

from __future__ import annotations

import pytest

from replay.report.charts.curve import MeasuredLoss, draw_curve


def test_a_linear_axis_starts_at_zero() -> None:
    chart = draw_curve("dose", "AUC drop", [MeasuredLoss(1.0, "1", 0.04), MeasuredLoss(0.25, "0.25", 0.01)])
    assert not chart.logarithmic
    assert [(point.label, point.at) for point in chart.points] == [("0.25", 0.25), ("1", 1.0)]
    assert [point.height for point in chart.points] == pytest.approx([0.2, 0.8])
    assert [(tick.at, tick.label) for tick in chart.ticks] == [(0.0, "0"), (1.0, "0.05")]  # 0.04, rounded up
    assert chart.line == "M250.0 80.00L1000.0 20.00"
    assert (chart.band, chart.limit) == ("", None)


def test_doses_far_apart_are_on_a_logarithmic_axis() -> None:
    chart = draw_curve("dose", "loss", [MeasuredLoss(at, str(at), 1.0) for at in (0.01, 0.1, 1.0)])
    assert chart.logarithmic
    assert [point.at for point in chart.points] == pytest.approx([0.0, 0.5, 1.0])


def test_a_zero_dose_keeps_the_axis_linear() -> None:
    chart = draw_curve("dose", "loss", [MeasuredLoss(at, str(at), 1.0) for at in (0.0, 0.01, 1.0)])
    assert not chart.logarithmic
    assert [point.at for point in chart.points] == [0.0, 0.01, 1.0]


def test_the_band_runs_out_along_the_upper_ends_and_back_along_the_lower() -> None:
    chart = draw_curve(
        "dose", "loss", [MeasuredLoss(1.0, "1", 0.2, low=0.1, high=0.3), MeasuredLoss(2.0, "2", 0.8, low=0.6, high=1.0)]
    )
    assert chart.band == "M500.0 70.00L1000.0 0.00L1000.0 40.00L500.0 90.00Z"


def test_a_loss_that_is_not_known_is_no_zero() -> None:
    chart = draw_curve(
        "dose", "loss", [MeasuredLoss(1, "1", 0.5), MeasuredLoss(2, "2", None), MeasuredLoss(4, "4", 1.0)]
    )
    assert [point.height for point in chart.points] == [0.5, None, 1.0]
    assert chart.points[1].loss == "–"  # noqa: RUF001 (an en dash is none)
    assert chart.line == "M250.0 50.00M1000.0 0.00"


def test_a_gain_lies_below_zero() -> None:
    chart = draw_curve("dose", "loss", [MeasuredLoss(1, "1", -0.05), MeasuredLoss(2, "2", 0.05)])
    assert [(tick.at, tick.label) for tick in chart.ticks] == [(0.0, "−0.05"), (0.5, "0"), (1.0, "0.05")]  # noqa: RUF001


def test_the_limit_is_on_the_axis_even_where_nothing_comes_near_it() -> None:
    chart = draw_curve("lag", "loss", [MeasuredLoss(0, "0", 0.0), MeasuredLoss(1, "1", 0.01)], limit=0.05)
    assert chart.limit == 1.0
    assert chart.points[1].height == pytest.approx(0.2)


def test_labels_that_would_run_into_each_other_are_left_out() -> None:
    chart = draw_curve("dose", "loss", [MeasuredLoss(at, str(at), 1.0) for at in (1, 2, 3, 10, 20)])
    assert [tick.label for tick in chart.labels] == ["3", "10", "20"]
