from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from replay.diagnosis.causes.cause import Cause, CauseWindow
from replay.report.buckets import bucket_series, make_grid
from replay.report.charts.timeline import MAX_PANELS, MAX_STEPS, Timeline, cause_lanes, draw_timeline, mark_ranges
from replay.report.summary import Incident
from replay.report.summary.data import ReportData
from replay.report.verdict import judge
from tests.report import sample
from tests.report.everything import everything_data
from tests.report.html.page_reader import section_text
from tests.report.sample import MINUTE, START


def draw(data: ReportData) -> Timeline:
    found = draw_timeline(data, judge(data))
    assert found is not None
    return found


def test_a_burst_has_a_panel_each_means_and_volume():
    timeline = draw(sample.burst_data())
    assert [(panel.kind, panel.title, panel.note) for panel in timeline.panels] == [
        ("rate", "prod", "2.2% overall"),
        ("rate", "candidate", "83% overall"),
        ("means", "Mean score", "the axis does not start at 0"),
        ("volume", "Rows compared", ""),
    ]
    assert timeline.heat == ()
    (run,) = timeline.runs
    assert (run.left, run.width, run.label) == (pytest.approx(62 / 180), pytest.approx(3 / 180), "18:02 to 18:05")


def test_the_hottest_buckets_come_first():
    timeline = draw(sample.burst_data())
    rows = sample.volumes()
    wrong = sample.burst(rows)
    expected = sorted(wrong, reverse=True)[:10]
    assert [bucket.mismatched for bucket in timeline.hottest] == [amount for amount in expected if amount]
    assert timeline.hottest[0].start in {START + minute * MINUTE for minute in (62, 63, 64)}
    assert timeline.mismatched == sum(wrong)
    assert re.search(
        r"Rate 2026-11-20 18:0[234] to 18:0[345] [\d,]+ [\d,]+ 94%", section_text(sample.burst_data(), "time")
    )


def test_the_tooltip_has_every_step():
    hover = draw(sample.burst_data()).hover
    assert len(hover["times"]) == len(hover["lines"]) == 180
    assert hover["times"][62] == "2026-11-20 18:02 to 18:03"
    rows = sample.volumes()
    assert hover["lines"][62][0] == ["rows", f"{rows[62]:,}"]
    assert hover["lines"][62][1] == ["prod: differ", f"94% ({sample.burst(rows)[62]:,})"]
    json.dumps(hover)


def test_without_means_the_difference_is_drawn():
    rows = [100] * 30
    described = sample.summary({"prod": sample.variant(sample.comparison(3_000, 90))})
    metrics = sample.bucket_rows("prod", rows, [0] * 29 + [90], means=False)
    panels = draw(ReportData(described, tuple(metrics))).panels
    assert [panel.kind for panel in panels] == ["rate", "delta", "volume"]
    assert [(tick.at, tick.label) for tick in panels[1].ticks] == [
        (0.0, "0"),
        (1.0, "+0.02"),
    ]  # 0.021 * 0.9, rounded up


def test_differences_of_both_signs_have_a_line_at_zero():
    metrics = [
        sample.metric("prod", name, value, 10, bucket=START + place * MINUTE)
        for place, delta in enumerate((-0.01, 0.03))
        for name, value in (("mismatch_rate", 1.0), ("mean_delta", delta))
    ]
    described = sample.summary({"prod": sample.variant(sample.comparison(20, 20))})
    (_, delta, _) = draw(ReportData(described, tuple(metrics))).panels
    assert [tick.at for tick in delta.ticks] == [0.0, pytest.approx(0.01 / 0.06), 1.0]


def test_without_time_there_is_none():
    data = sample.bare_data()
    assert draw_timeline(data, judge(data)) is None


def test_one_bucket_fills_the_width():
    described = sample.summary({"prod": sample.variant(sample.comparison(10, 1))})
    timeline = draw(ReportData(described, tuple(sample.bucket_rows("prod", [10], [1]))))
    (area,) = [curve for curve in timeline.panels[0].curves if curve.style == "area"]
    assert area.path.startswith("M0 100V")
    assert area.path.endswith("H1000V100Z")


def test_a_bucket_without_rows_is_a_gap():
    described = sample.summary({"prod": sample.variant(sample.comparison(20, 2))})
    timeline = draw(ReportData(described, tuple(sample.bucket_rows("prod", [10, 0, 10], [1, 0, 1]))))
    (volume,) = timeline.panels[-1].curves
    assert volume.path.count("M") == 2
    assert timeline.hover["lines"][1] == [["no rows", ""]]


def test_many_buckets_are_added_up_and_say_so():
    timeline = draw(sample.many_data(num_variants=1))
    assert len(timeline.hover["times"]) <= MAX_STEPS + 1
    assert "30 buckets of 1 min, added up" in timeline.resolution
    assert [curve.style for curve in timeline.panels[0].curves] == ["peak", "area", "mark"]


def test_many_variants_are_a_heat_map():
    data = sample.many_data(num_variants=MAX_PANELS + 1, num_buckets=200)
    timeline = draw(data)
    assert [panel.kind for panel in timeline.panels] == ["rate", "means", "volume"]
    assert [row.variant for row in timeline.heat] == list(data.summary.variants)
    assert all(level <= 5 for row in timeline.heat for level, _ in row.paths)


def test_levels_cover_a_row_once():
    described = {name: sample.variant(sample.comparison(1_000, 1)) for name in map(str, range(MAX_PANELS + 1))}
    metrics = [
        row for name in described for row in sample.bucket_rows(name, [100] * 10, [0, 1, 9, 10, 49, 50, 100, 0, 0, 5])
    ]
    (first, *_) = draw(ReportData(sample.summary(described), tuple(metrics))).heat
    covered = dict.fromkeys(range(10), 0)
    for _, path in first.paths:
        for block in path.split("Z")[:-1]:
            left, right = float(block[1:].split(" ")[0]), float(block.split("H")[1].split("V")[0])
            for place in range(round(left / 100), round(right / 100)):
                covered[place] += 1
    assert set(covered.values()) == {1}


def test_a_variant_that_scored_nothing_in_a_range_has_no_panel_there():
    rows = [
        *sample.bucket_rows("prod", [10] * 5, [1] * 5),
        *sample.bucket_rows("late", [10], [1], start=START + 2 * MINUTE),
    ]
    variants = {name: sample.variant(sample.comparison(10, 1)) for name in ("prod", "late")}
    late = draw(ReportData(sample.summary(variants), tuple(rows))).panels[1]
    (area,) = [curve for curve in late.curves if curve.style == "area"]
    assert area.path.startswith("M400 100")
    assert area.path.endswith("H600V100Z")


def _grid():
    rows = tuple(sample.bucket_rows("prod", [10] * 100, [0] * 100))
    grid = make_grid(bucket_series(rows), 60.0, 360)
    assert grid is not None
    return grid


def _at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_bands_lie_where_the_time_is() -> None:
    (run,) = mark_ranges(_grid(), [(_at(25), _at(50))], ["1"])
    assert (run.left, run.width) == pytest.approx((0.25, 0.25))
    assert (run.mark, run.label) == ("1", "17:25 to 17:50")


def test_what_reaches_over_the_edge_is_cut() -> None:
    (run,) = mark_ranges(_grid(), [(_at(-30), _at(1_000))])
    assert (run.left, run.width, run.mark) == (0.0, 1.0, "")


def test_numbers_do_not_cover_each_other() -> None:
    ranges = [(_at(50), _at(60)), (_at(51), _at(53)), (_at(90), _at(95)), (_at(50), _at(51))]
    assert [run.level for run in mark_ranges(_grid(), ranges, "1234")] == [0, 1, 0, 2]


def test_the_timeline_has_the_incidents_by_number() -> None:
    timeline = draw(everything_data())
    assert timeline.numbered
    assert [run.mark for run in timeline.runs] == ["1", "2"]
    assert timeline.runs[0].left == pytest.approx((62 * 60 + 2.137) / (180 * 60))
    assert timeline.runs[1].width == pytest.approx(59 / 180)


def test_without_incidents_bands_have_no_numbers() -> None:
    timeline = draw(sample.burst_data())
    assert not timeline.numbered
    assert [run.mark for run in timeline.runs] == [""]


def test_causes_with_their_own_times_have_lanes() -> None:
    window = CauseWindow(_at(25), _at(50), {}, 10, 9, 9, 9)
    cause = Cause(
        "null_features", 1.0, 9, features=("a",), windows=(window, replace(window, start=_at(75), end=_at(90)))
    )
    incident = Incident(_at(0), _at(100), 10, 9, 0.9, {}, causes=(replace(cause, windows=None), cause))
    (lane,) = cause_lanes(_grid(), [incident])

    assert (lane.mark, lane.name, lane.end) == ("1", "a null", pytest.approx(0.9))
    assert [(one.left, one.width) for one in lane.ranges] == [pytest.approx((0.25, 0.25)), pytest.approx((0.75, 0.15))]


def test_only_the_first_of_many_times_has_the_number() -> None:
    ranges = [(_at(10), _at(11)), (_at(12), _at(13)), (_at(30), _at(31))]
    assert [run.mark for run in mark_ranges(_grid(), ranges, ("1", "", "2"))] == ["1", "", "2"]
