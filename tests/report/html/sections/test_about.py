from __future__ import annotations

from dataclasses import replace

from replay.report.html.sections.about import about
from tests.report import sample


def test_what_is_not_known_is_not_listed():
    listed = dict(about(sample.bare_data()))
    assert listed["Traffic"] == "/data/t"
    assert not {"Table", "Filter", "Sample", "Time bucket", "Noise floor"} & set(listed)


def test_where_the_traffic_came_from_is_said():
    data = sample.burst_data()
    traffic = replace(data.summary.traffic, table="logs.ranking", where="surface = 'home'", sample_rate=0.01)
    listed = dict(about(replace(data, summary=replace(data.summary, traffic=traffic))))
    assert listed["Traffic"] == "logs.ranking"
    assert listed["Table"] == "delta version 41"
    assert (listed["Filter"], listed["Sample"]) == ("surface = 'home'", "1%")
    assert listed["Window"] == "2026-11-20 17:00 to 20:00 UTC"
