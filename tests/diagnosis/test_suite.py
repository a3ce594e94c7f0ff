"""The suite of incidents: its worlds answer as the engine does, its judge can say no, and it runs whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from replay.diagnosis.causes.cause import Cause as NamedCause
from replay.diagnosis.causes.hypothesis import Hypothesis
from tests.bench.diagnosis.__main__ import main, plan
from tests.bench.diagnosis.case import LAYOUTS, Suite, World
from tests.bench.diagnosis.causes import KNOWN_KINDS, UNKNOWN_KINDS, Cause, Culprit, newest_before
from tests.bench.diagnosis.engine import Answer, Told
from tests.bench.diagnosis.judging import Judge, Judged, Outcome
from tests.bench.diagnosis.planting import Plant, Planted, Planter
from tests.bench.diagnosis.table import render, targets
from tests.bench.diagnosis.world import answer

ROWS = 4_000


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    made = Suite(tmp_path_factory.mktemp("suite"), 3, ROWS, Path("nowhere"))
    made.prepare("generated")
    return made


@pytest.fixture(scope="module")
def world(suite):
    return World(suite, "generated")


@pytest.fixture
def traffic(suite):
    return suite.traffic("generated", np.random.default_rng(5))


def told(start_us, end_us, *causes, segments=None):
    """An incident and its causes, as little of it as the judge reads."""
    incident = type("Found", (), {})()
    incident.start_us, incident.end_us, incident.segments = start_us, end_us, segments or {}
    incident.kind, incident.mismatched, incident.rows, incident.p_value = "mismatch", 1, 1, 0.0
    diagnosis = type("Said", (), {"causes": causes, "rows_scored": 0})()
    return Told(incident, diagnosis)


def null_cause(*touched):
    return NamedCause("null_features", 1.0, 9, hypothesis=Hypothesis("null_features", "v1", touched))


class TestWorlds:
    def test_engine_replays_what_plain_torch_answers(self, world, traffic):
        expected = answer(world.modules["v1"], world.layout, traffic.served)
        np.testing.assert_allclose(world.engine.replay(traffic), expected, rtol=2e-5)
        assert expected.std() > 0.01

    @pytest.mark.real_data
    def test_engine_replays_real_traffic(self, open_bandit, tmp_path):
        suite = Suite(tmp_path, 0, ROWS, open_bandit.parents[1])
        suite.prepare("real")
        world, traffic = World(suite, "real"), suite.traffic("real", np.random.default_rng(0))
        expected = answer(world.modules["v1"], world.layout, traffic.served)
        np.testing.assert_allclose(world.engine.replay(traffic), expected, rtol=2e-5)

    def test_every_cause_changes_answers(self, world, traffic):
        culprit = Culprit(world.layout, traffic, world.modules)
        clean = answer(world.modules["v1"], world.layout, traffic.served)
        for kind in (*KNOWN_KINDS, *UNKNOWN_KINDS):
            changes = [culprit.make(kind, np.random.default_rng(seed)).scores - clean for seed in range(3)]
            assert max(np.abs(change).mean() for change in changes) > 1e-4, kind

    def test_checkpoints_differ(self, world, traffic):
        scores = [answer(module, world.layout, traffic.served) for module in world.modules.values()]
        assert np.abs(scores[0] - scores[1]).mean() > 1e-3
        assert np.abs(scores[1] - scores[2]).mean() > 1e-3

    def test_traffic_is_sorted_and_uneven(self, traffic):
        assert (np.diff(traffic.time_us) >= 0).all()
        counts = np.histogram(traffic.time_us, 12)[0]
        assert counts.max() > 1.3 * counts.min()

    def test_newest_before_is_brute_force(self):
        rng = np.random.default_rng(0)
        entity, time_us = rng.integers(0, 5, 60), np.sort(rng.integers(0, 300, 60))
        expected = [
            max((j for j in range(60) if entity[j] == entity[i] and time_us[j] <= time_us[i] - 40), default=-1)
            for i in range(60)
        ]
        assert newest_before(entity, time_us, 40).tolist() == expected


class TestPlanter:
    def test_incident_touches_rows_of_its_window_only(self, world, traffic):
        for seed in range(5):
            rng = np.random.default_rng(seed)
            planted = Planter(world.layout, traffic, world.modules, rng).incident()
            for plant in planted.plants:
                assert len(plant.rows) >= 20
                assert traffic.in_slice(plant.segments)[plant.rows].all()
                minutes = np.ptp(traffic.time_us[plant.rows]) / 60e6
                assert minutes <= plant.minutes <= 60.0

    def test_clean_run_is_within_rounding_but_for_drift(self, world, traffic):
        planted = Planter(world.layout, traffic, world.modules, np.random.default_rng(1)).clean()
        scores = answer(world.modules["v1"], world.layout, traffic.served)
        far = np.abs(planted.online - scores) > 2.0**-7 * scores + 1e-6
        assert not planted.plants
        assert far.mean() <= 1.5 * planted.drift + 0.005

    def test_case_follows_from_its_seed(self, world, traffic):
        first, second = (
            Planter(world.layout, traffic, world.modules, np.random.default_rng(8)).incident() for _ in range(2)
        )
        np.testing.assert_array_equal(first.online, second.online)


class TestJudge:
    @pytest.fixture
    def plant(self, traffic):
        cause = Cause("null_features", {"touched": ("views_7d",)}, np.zeros(len(traffic)))
        return Plant(cause, {}, 1.0, 1.0, np.arange(100, 300))

    def judge(self, world, traffic, plant, *said):
        planted = Planted(np.zeros(len(traffic)), "float32", 0.0, (plant,), "one")
        names = world.modules["v1"].state_dict()
        return Judge(world.layout, traffic, planted, names).judge(Answer(None, None, said))

    def bounds(self, traffic, first, last):
        return int(traffic.time_us[first]), int(traffic.time_us[last])

    def test_right_cause_in_the_right_window(self, world, traffic, plant):
        start, end = self.bounds(traffic, 100, 299)
        (one,), alarms = self.judge(world, traffic, plant, told(start, end + 1, null_cause("views_7d")))
        assert (one.found, one.iou, one.is_first, one.is_any, one.is_slice_right) == (True, 1.0, True, True, True)
        assert alarms == ()

    def test_wrong_cause(self, world, traffic, plant):
        said = told(*self.bounds(traffic, 100, 300), null_cause("views_1d"))
        (one,), _ = self.judge(world, traffic, plant, said)
        assert (one.is_first, one.is_any) == (False, False)

    def test_second_place_is_any_but_not_first(self, world, traffic, plant):
        said = told(*self.bounds(traffic, 100, 300), null_cause("views_1d"), null_cause("views_7d"))
        (one,), _ = self.judge(world, traffic, plant, said)
        assert (one.is_first, one.is_any) == (False, True)

    def test_equivalent_counts(self, world, traffic, plant):
        cause = replace(null_cause("views_1d"), alternatives=(Hypothesis("null_features", "v1", ("views_7d",)),))
        (one,), _ = self.judge(world, traffic, plant, told(*self.bounds(traffic, 100, 300), cause))
        assert one.is_first

    def test_overlap_is_counted_in_rows(self, world, traffic, plant):
        start, end = int(traffic.time_us[100]), int(traffic.time_us[299]) + 1
        later = int(traffic.time_us[500])
        low, high, late = np.searchsorted(traffic.time_us, [start, end, later])
        (one,), _ = self.judge(world, traffic, plant, told(start, later))
        assert one.iou == pytest.approx((high - low) / (late - low))

    def test_missed_and_false_alarm(self, world, traffic, plant):
        (one,), alarms = self.judge(world, traffic, plant, told(*self.bounds(traffic, 1000, 1200)))
        assert (one.found, one.iou, one.is_first) == (False, 0.0, False)
        assert len(alarms) == 1

    def test_unknown_cause_must_be_unexplained_alone(self, world, traffic, plant):
        plant = replace(plant, cause=Cause("garbage", {}, plant.cause.scores))
        nothing, wrong = NamedCause("unexplained", 0.0, 9), null_cause("age")
        where = self.bounds(traffic, 100, 300)
        assert self.judge(world, traffic, plant, told(*where, nothing))[0][0].is_first
        assert not self.judge(world, traffic, plant, told(*where, nothing, wrong))[0][0].is_first
        assert not self.judge(world, traffic, plant, told(*where, wrong))[0][0].is_first

    def test_lag_within_the_told_interval(self, world, traffic, plant):
        cause = Cause("stale_features", {"touched": ("views_1d",), "lag_s": 900.0}, plant.cause.scores)
        hypothesis = Hypothesis("stale_features", "v1", ("views_1d",), (("lag", timedelta(minutes=20)),))
        for low, expected in ((800.0, True), (1_000.0, False)):
            lags = {"lag_low_seconds": low, "lag_high_seconds": 1300.0}
            said = NamedCause("stale_features", 1.0, 9, parameters=lags, hypothesis=hypothesis)
            (one,), _ = self.judge(
                world, traffic, replace(plant, cause=cause), told(*self.bounds(traffic, 100, 300), said)
            )
            assert one.is_first is expected

    def test_splice_by_its_parameters(self, world, traffic, plant):
        cause = Cause("splice", {"module": "item_tower", "checkpoint": "v2"}, plant.cause.scores)
        for globs, expected in (
            ((("item_tower.*", "v2"), ("*", "v1")), True),
            ((("query_tower.*", "v1"), ("head.*", "v1"), ("vector.*", "v1"), ("*", "v2")), True),
            ((("query_tower.*", "v2"), ("*", "v1")), False),
        ):
            said = NamedCause("splice", 1.0, 9, hypothesis=Hypothesis("splice", "v1", parameters=(("splice", globs),)))
            (one,), _ = self.judge(
                world, traffic, replace(plant, cause=cause), told(*self.bounds(traffic, 100, 300), said)
            )
            assert one.is_first is expected


def judged(**given):
    values = {
        "kind": "scale",
        "is_known": True,
        "touched": 200,
        "found": True,
        "iou": 1.0,
        "is_slice_right": True,
        "is_first": True,
        "is_any": True,
        "planted": "it",
        "told": (),
    }
    return Judged(**{**values, **given})


def outcome(*judged, shape="one", alarms=()):
    return Outcome(0, "generated", shape, "float32", 0.0, 10, tuple(judged), tuple(alarms))


class TestTargets:
    def met(self, *outcomes):
        return [target.is_met for target in targets(outcomes)]

    def test_all_right(self):
        runs = [outcome(judged()), outcome(judged(kind="garbage", is_known=False)), outcome(shape="clean")]
        assert self.met(*runs) == [True, True, True, True]

    def test_each_can_be_missed(self):
        assert self.met(outcome(judged(iou=0.9))) == [False, True]
        assert self.met(outcome(judged(is_first=False))) == [True, False]
        assert self.met(outcome(judged(kind="garbage", is_known=False, is_first=False))) == [True, False]
        assert self.met(outcome(shape="clean", alarms=["something"])) == [False]

    def test_few_rows_do_not_count_for_the_cause(self):
        assert self.met(outcome(judged(touched=99, is_first=False))) == [True]

    def test_a_missed_incident_counts_as_no_overlap(self):
        runs = [outcome(judged(found=False, iou=0.0, is_first=False)), outcome(judged(found=False, iou=0.0))]
        assert self.met(*runs)[0] is False

    def test_render_names_what_failed(self):
        text = render([outcome(judged(is_first=False, told=("a wrong cause",))), outcome(shape="clean")])
        assert "MISSED" in text
        assert "a wrong cause" in text


def test_worlds_take_turns():
    assert plan(["generated", "real"], 3, 1) == [
        ("generated", 0, False),
        ("real", 1, False),
        ("generated", 2, False),
        ("generated", 0, True),
    ]


def test_layouts_name_every_feature_in_one_family():
    for layout in LAYOUTS.values():
        members = [name for family in layout.families.values() for name in family]
        assert sorted(members) == sorted(layout.features)


def test_real_traffic_is_skipped_where_it_is_absent(capsys, tmp_path):
    assert main(["--only", "real", "--noises", "0", "--data", str(tmp_path)]) == 1
    assert "real traffic skipped" in capsys.readouterr().out


def test_tiny_suite_runs_whole(capsys, tmp_path):
    small = ["--incidents", "4", "--clean", "2", "--rows", "3000", "--noises", "11", "--planted", "11"]
    code = main([*small, "--data", str(tmp_path), "--workers", "1"])
    text = capsys.readouterr().out
    assert "Clean runs: 2, with false alarms: 0" in text
    assert "Planted causes" in text
    assert code == int("MISSED" in text)
