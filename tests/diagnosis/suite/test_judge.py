"""The judge of the suite can say no: to causes, windows, tolerances, stories and all that is said with confidence."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from replay.config.sections.checkpoints import SpliceConfig
from replay.diagnosis.causes.cause import Cause as NamedCause
from replay.diagnosis.causes.cause import Equivalent
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import describe
from replay.diagnosis.noise.calibration_layer import CalibrationLayer
from tests.bench.diagnosis.causes import Cause
from tests.bench.diagnosis.causes.checkpoints import spliced
from tests.bench.diagnosis.causes.stale import newest_before, older
from tests.bench.diagnosis.engine import Answer
from tests.bench.diagnosis.incidents import Strike
from tests.bench.diagnosis.judgement.judge import Judge
from tests.bench.diagnosis.noises import TYPES
from tests.bench.diagnosis.planting import Plant, Planted
from tests.diagnosis.suite.telling import null_cause, said, step, told

ROWS = np.arange(100, 300)


class TestJudge:
    """One plant on rows 100 to 299, and what may be said of it."""

    @pytest.fixture
    def plant(self, scene):
        return self.planted_as(scene, Cause(scene, {}, lambda _: scene.missing(("views_7d",)), kind="null_features"))

    def planted_as(self, scene, cause, rows=ROWS, **given):
        minute = (scene.traffic.time_us[rows] - scene.traffic.time_us[0]) / 60e6
        return Plant(Strike(cause, rows, ((minute[0], minute[-1] + 1e-6),), {}, 1.0, **given), rows)

    def planted(self, scene, *plants, kind="null_features", noise=TYPES[0], **given):
        online = scene.score(scene.traffic.served)
        for one in plants:
            online[one.rows] = one.strike.cause.answers(scene.traffic.served, one.rows)
        return Planted(noise.apply(online), noise, 0.0, kind, plants, **given)

    def judge(self, scene, planted, *told, floor=1e-6, **given):
        noise = SimpleNamespace(abs=floor, rel=0.0, layer=CalibrationLayer(), operations=(), why="")
        table = SimpleNamespace(replayed=scene.score(scene.traffic.served))
        judge = Judge(scene.layout, scene.traffic, planted, scene.modules)
        reply = Answer(SimpleNamespace(**{**vars(noise), **given.pop("noise", {})}), table, told, **given)
        return judge.judge(reply), judge.alarms(reply), judge.false_claims(reply)

    def at(self, scene, first, last, *causes, segments=None):
        times = scene.traffic.time_us
        return told(int(times[first]), int(times[last]) + 1, *causes, segments=segments)

    def test_right_cause_in_the_right_window(self, scene, plant):
        incident = self.at(scene, 100, 299, null_cause("views_7d"))
        (one,), alarms, claims = self.judge(scene, self.planted(scene, plant), incident)
        assert (one.found, one.iou, one.is_first, one.is_any, one.is_slice_right) == (True, 1.0, True, True, True)
        assert (one.wrong, alarms, claims, one.is_honest) == ((), (), (), False)

    def test_wrong_cause_is_wrong_with_confidence(self, scene, plant):
        incident = self.at(scene, 100, 299, null_cause("views_1d"))
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), incident)
        assert (one.is_first, one.is_any, len(one.wrong)) == (False, False, 1)

    def test_unexplained_is_honest(self, scene, plant):
        incident = self.at(scene, 100, 299, NamedCause("unexplained", 0.0, 9))
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), incident)
        assert (one.is_first, one.is_honest, one.wrong) == (False, True, ())

    def test_second_place_is_any_but_not_first(self, scene, plant):
        incident = self.at(scene, 100, 299, null_cause("views_1d"), null_cause("views_7d"))
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), incident)
        assert (one.is_first, one.is_any, len(one.wrong)) == (False, True, 1)

    def test_what_no_row_tells_apart_is_right(self, scene, plant):
        zero = said("constant", "views_7d", steps=(step("constant", "views_7d", value=0.0),))
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, zero))
        assert (one.is_first, one.wrong) == (True, ())

    def test_few_rows_that_differ_do_not_tell(self, scene, plant):
        rows = plant.rows
        values = scene.traffic.served["views_7d"].copy()
        values[rows[6:]] = 0.0  # six rows keep their own
        cause = Cause(scene, {}, lambda _: {"views_7d": values}, kind="null_features")
        others = self.planted_as(scene, cause)
        incident = self.at(scene, 100, 299, null_cause("views_7d"))
        assert self.judge(scene, self.planted(scene, others), incident)[0][0].wrong == ()
        values[rows[6]] = scene.traffic.served["views_7d"][rows[6]]
        assert len(self.judge(scene, self.planted(scene, others), incident)[0][0].wrong) == 1

    def test_the_engines_own_word_for_equal_causes_does_not_count(self, scene, plant):
        cause = replace(null_cause("views_1d"), alternatives=(null_cause("views_7d").hypothesis,))
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, cause))
        assert (one.is_first, len(one.wrong)) == (False, 1)

    def test_what_is_said_to_be_the_same_to_the_model_must_be(self, scene, plant):
        for value, wrong in ((0.0, 0), (3.0, 1)):
            steps = (step("constant", "views_7d", value=value),)
            other = said("constant", "views_7d", steps=steps, parameters=(("value", value),))
            same = Equivalent(describe(other.hypothesis), "same_to_model")
            cause = replace(null_cause("views_7d"), equivalents=(same,), alternatives=(other.hypothesis,))
            (one,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, cause))
            assert (one.is_first, len(one.wrong)) == (True, wrong)
            unsure = replace(cause, equivalents=(replace(same, kind="same_on_rows"),))
            assert self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, unsure))[0][0].wrong == ()

    def test_one_of_two_at_once_is_not_both(self, scene, plant):
        joint = said("joint", steps=(step("nulls", "views_1d"), step("nulls", "views_7d")))
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, joint))
        assert len(one.wrong) == 1

    def test_one_inside_the_other_may_be_told_as_both_at_once(self, scene, plant):
        """Where both struck the union is what happened; where only one did, or of a third feature, it is not."""
        inside = self.planted_as(
            scene, Cause(scene, {}, lambda _: scene.missing(("views_1d",)), kind="null_features"), ROWS[50:100]
        )
        union = null_cause("views_7d", "views_1d")
        incident = self.at(scene, 100, 299, null_cause("views_7d"), union)
        first, _ = self.judge(scene, self.planted(scene, plant, inside), incident)[0]
        assert (first.is_first, first.wrong) == (True, ())
        beside = self.planted_as(scene, inside.strike.cause, np.arange(300, 350))
        assert len(self.judge(scene, self.planted(scene, plant, beside), incident)[0][0].wrong) == 1
        third = self.at(scene, 100, 299, null_cause("views_7d"), null_cause("views_7d", "battery"))
        assert len(self.judge(scene, self.planted(scene, plant, inside), third)[0][0].wrong) == 1

    def test_map_that_leaves_rare_values_out(self, scene):
        hour = scene.traffic.served["hour"]
        cause = Cause(scene, {}, lambda served: {"hour": served["hour"] + 5}, kind="hour_shift")
        plant = self.planted_as(scene, cause)
        known = [float(value) for value in np.unique(hour[plant.rows])]
        assert len(known) == 1  # 200 rows are within the hour
        both_hours = {f"{value:g}": value + 5 for value in known}
        for table, wrong in ((both_hours, 0), ({f"{known[0]:g}": known[0] + 4}, 1)):
            told_map = said("map", "hour", steps=(step("remap", "hour", values=table),))
            (one,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, told_map))
            assert len(one.wrong) == wrong

    def test_overlap_is_counted_in_rows(self, scene, plant):
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 499))
        assert one.iou == pytest.approx(0.5, abs=0.05)  # requests share their times

    def test_missed_and_false_alarm(self, scene, plant):
        (one,), alarms, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 1000, 1200))
        assert (one.found, one.iou, one.is_first, one.wrong) == (False, 0.0, False, ())
        assert len(alarms) == 1

    def test_lag_by_the_values_that_are_served(self, scene):
        traffic = scene.traffic
        sources = [newest_before(traffic.entity, traffic.time_us, minutes * 60_000_000) for minutes in (5, 20)]
        rows = np.flatnonzero(sources[0] != sources[1])
        plant = self.planted_as(scene, older(scene, ("views_1d",), 20), rows)
        planted = self.planted(scene, plant, kind="stale_features")
        for minutes, wrong in ((20, 0), (5, 1)):
            lag = said("stale_features", "views_1d", steps=(step("stale", "views_1d", lag=f"{minutes}min"),))
            (one,), _, _ = self.judge(scene, planted, self.at(scene, rows[0], rows[-1], lag))
            assert len(one.wrong) == wrong

    def test_splice_by_its_parameters(self, scene):
        for globs, expected in (
            ((("item_tower.*", "v2"), ("*", "v1")), True),
            ((("query_tower.*", "v1"), ("head.*", "v1"), ("vector.*", "v1"), ("*", "v2")), True),
            ((("query_tower.*", "v2"), ("*", "v1")), False),
        ):
            recipe = SpliceConfig.model_validate({"splice": dict(globs)})
            cause = Cause(
                scene,
                {"module": "item_tower", "checkpoint": "v2"},
                run=scene.answered_by(spliced(scene, {"item_tower.": "v2"})),
                kind="splice",
            )
            plant = self.planted_as(scene, cause)
            one = NamedCause(
                "splice", 1.0, 9, hypothesis=Hypothesis("splice", "v1", parameters=(("splice", globs),), recipe=recipe)
            )
            (judged,), _, _ = self.judge(scene, self.planted(scene, plant), self.at(scene, 100, 299, one))
            assert judged.is_first is expected

    def test_a_route_is_no_checkpoint(self, scene):
        cause = Cause(scene, {"checkpoint": "v2"}, run=scene.answered_by(scene.modules["v2"]), kind="route")
        planted = self.planted(scene, self.planted_as(scene, cause), kind="route")
        hypothesis = Hypothesis("checkpoint", "v2")
        for kind, wrong in (("route", 0), ("checkpoint", 1)):
            incident = self.at(scene, 100, 299, NamedCause(kind, 1.0, 9, hypothesis=hypothesis))
            assert len(self.judge(scene, planted, incident)[0][0].wrong) == wrong

    def test_standing_cause(self, scene):
        cause = Cause(scene, {}, lambda _: scene.missing(("views_7d",)), kind="null_features")
        planted = self.planted(scene, self.planted_as(scene, cause, standing=True), kind="standing_null")
        right, wrong = (SimpleNamespace(cause=null_cause(name)) for name in ("views_7d", "views_1d"))
        (one,), _, claims = self.judge(scene, planted, standing=(right,))
        assert (one.found, one.is_first, one.iou, claims) == (True, True, None, ())
        assert len(self.judge(scene, planted, standing=(right, wrong))[2]) == 1

    def test_standing_cause_that_is_not_there(self, scene, plant):
        stands = SimpleNamespace(cause=null_cause("views_7d"))
        assert len(self.judge(scene, self.planted(scene, plant), standing=(stands,))[2]) == 1

    def test_claims_about_all_of_the_traffic(self, scene, plant):
        planted = self.planted(scene, plant)
        assert len(self.judge(scene, planted, contract="with `transform: sigmoid` all agree")[2]) == 1
        assert len(self.judge(scene, planted, noise={"layer": CalibrationLayer(0.1, 1.0, True)})[2]) == 1
        operation = SimpleNamespace(words="held as float16")
        assert len(self.judge(scene, planted, noise={"operations": (operation,)})[2]) == 1
        logged = self.planted(scene, plant, noise=TYPES[1])
        assert self.judge(scene, logged, noise={"operations": (operation,)})[2] == ()

    def test_tolerance_that_swallows(self, scene, plant):
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), floor=0.5)
        assert "swallowed" in one.wrong[0]
        (one,), _, _ = self.judge(scene, self.planted(scene, plant), floor=1e-6)
        assert one.wrong == ()

    def test_stories(self, scene, plant):
        planted = self.planted(scene, plant, kind="six_hosts", story=frozenset({"h01", "h02"}))
        for values, column, wrong in (
            (("h01", "h02"), "host", 0),
            (("h01", "h03"), "host", 1),
            (("DE",), "country", 1),
        ):
            story = SimpleNamespace(column=column, values=values)
            assert len(self.judge(scene, planted, stories=(story,))[2]) == wrong

    def test_time_of_a_cause(self, scene, plant):
        times = scene.traffic.time_us
        cause = null_cause("views_7d")
        incident = self.at(scene, 100, 499, cause)
        for last, wrong in ((299, 0), (1_999, 1)):
            window = SimpleNamespace(start_us=int(times[100]), end_us=int(times[last]) + 1)
            placed = replace(incident, windows={cause.hypothesis: (window,)})
            (one,), _, _ = self.judge(scene, self.planted(scene, plant), placed)
            assert len(one.wrong) == wrong

    def test_time_of_a_cause_is_where_it_shows_beside_others(self, scene, plant):
        """From row 140 on something else hides it: a time that ends there is right, one that is neither is not."""
        times, cause = scene.traffic.time_us, null_cause("views_7d")
        hidden = replace(plant, beside_others=plant.rows[:40])
        for one, last, wrong in ((hidden, 139, 0), (plant, 139, 1), (hidden, 299, 0), (hidden, 1_999, 1)):
            window = SimpleNamespace(start_us=int(times[100]), end_us=int(times[last]) + 1)
            placed = replace(self.at(scene, 100, 499, cause), windows={cause.hypothesis: (window,)})
            assert len(self.judge(scene, self.planted(scene, one), placed)[0][0].wrong) == wrong

    def test_two_at_once_are_right_where_each_of_them_is(self, scene, plant):
        price = Cause(scene, {}, lambda _: scene.missing(("price",)), kind="null_features")
        planted = self.planted(scene, plant, self.planted_as(scene, price, ROWS + 100), kind="overlapping")
        for second, wrong in (("price", 0), ("age", 1)):
            parts = (null_cause("views_7d").hypothesis, null_cause(second).hypothesis)
            joint = NamedCause("joint", 1.0, 9, hypothesis=Hypothesis("joint", "v1", parts=parts))
            one, other = self.judge(scene, planted, self.at(scene, 100, 399, joint))[0]
            assert (one.is_any, other.is_any, len(one.wrong)) == (True, second == "price", wrong)

    def test_two_causes_in_one_incident_are_wrong_once(self, scene, plant):
        other = self.planted_as(
            scene, Cause(scene, {}, lambda _: scene.missing(("price",)), kind="null_features"), ROWS + 200
        )
        planted = self.planted(scene, plant, other, kind="mixture")
        incident = self.at(scene, 100, 499, null_cause("price"), null_cause("views_1d"))
        first, second = self.judge(scene, planted, incident)[0]
        assert (first.is_first, first.is_any, second.is_any) == (True, False, True)
        assert (len(first.wrong), second.wrong) == (1, ())
        assert first.iou == 1.0
