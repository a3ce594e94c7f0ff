"""What the suite prints and promises, and that it runs whole."""

from __future__ import annotations

from tests.bench.diagnosis.__main__ import main, plan
from tests.bench.diagnosis.incidents import INCIDENTS
from tests.bench.diagnosis.judgement.outcome import Judged, Outcome
from tests.bench.diagnosis.table import render, targets


def judged(**given):
    values = {
        "cause": "scale",
        "touched": 200,
        "found": True,
        "iou": 1.0,
        "is_slice_right": True,
        "is_first": True,
        "is_any": True,
        "is_honest": False,
        "wrong": (),
        "planted": "it",
        "told": (),
    }
    return Judged(**{**values, **given})


def outcome(*judged, kind="scale", has_name=True, alarms=(), claims=()):
    return Outcome(0, "generated", kind, has_name, "float32", 0.0, 10, tuple(judged), tuple(alarms), tuple(claims))


def clean(**given):
    return outcome(kind="clean", **given)


class TestTargets:
    def met(self, *outcomes):
        return [target.is_met for target in targets(outcomes)]

    def test_all_right(self):
        honest = judged(cause="garbage", is_first=False, is_any=False, is_honest=True)
        runs = [outcome(judged()), outcome(honest, kind="garbage", has_name=False), clean()]
        assert self.met(*runs) == [True, True, True, True]

    def test_each_can_be_missed(self):
        assert self.met(outcome(judged(iou=0.9))) == [False, True, True]
        assert self.met(outcome(judged(is_first=False))) == [True, False, True]
        assert self.met(outcome(judged(wrong=("a wrong cause",)))) == [True, True, False]
        assert self.met(clean(alarms=["something"])) == [False]

    def test_claims_are_wrong_too(self):
        assert self.met(outcome(judged(), claims=["a layer"])) == [True, True, False]
        assert self.met(outcome(judged()), clean(claims=["a layer"])) == [True, True, False, True]

    def test_one_wrong_of_two_hundred_is_within_the_target(self):
        runs = [outcome(judged(wrong=("a wrong cause",)))] + [outcome(judged())] * 199
        assert self.met(*runs) == [True, True, True]

    def test_few_rows_do_not_count_for_the_cause(self):
        assert self.met(outcome(judged(touched=99, is_first=False))) == [True, True]

    def test_a_missed_incident_counts_as_no_overlap(self):
        runs = [outcome(judged(found=False, iou=0.0, is_first=False)), outcome(judged(found=False, iou=0.0))]
        assert self.met(*runs)[0] is False

    def test_what_stands_has_no_window(self):
        assert self.met(outcome(judged(iou=None))) == [True, True]

    def test_render_names_what_failed(self):
        wrong = judged(is_first=False, wrong=("a wrong cause",), told=("something else",))
        text = render([outcome(wrong), clean()])
        assert "MISSED" in text
        assert "wrong   a wrong cause" in text
        assert "told    something else" in text

    def test_figures_are_a_markdown_table(self):
        lines = render([outcome(judged()), outcome(judged(touched=50))]).splitlines()
        assert lines[0].startswith("| kind | incidents |")
        assert lines[2] == "| scale | 2 | 2 | 2 | 1.00 | 100% | 2 | 1 of 1 | 0 | 0 | 0 |"


class TestPlan:
    def test_kinds_and_worlds_take_turns(self):
        number = len(INCIDENTS)
        cases = plan(["generated", "adult", "open_bandit"], 3 * number, 2)
        kinds = [case.kind for case in cases]
        assert kinds[:number] == list(INCIDENTS)
        assert kinds[3 * number :] == [None, None]
        for kind in INCIDENTS:  # each kind comes to each world
            assert len({case.world for case in cases if case.kind == kind}) == 3

    def test_no_world(self):
        assert plan([], 5, 5) == []


def test_real_traffic_is_skipped_where_it_is_absent(capsys, tmp_path):
    assert main(["--only", "adult", "--noises", "0", "--data", str(tmp_path)]) == 1
    assert "adult skipped" in capsys.readouterr().out


def test_noises_run_alone(capsys):
    assert main(["--incidents", "0", "--clean", "0", "--noises", "11", "--planted", "0", "--workers", "1"]) in (0, 1)
    assert "False alarms at 0.001" in capsys.readouterr().out


def test_tiny_suite_runs_whole(capsys, tmp_path):
    small = ["--incidents", str(len(INCIDENTS)), "--kind", "null_family", "--clean", "1", "--rows", "3000"]
    code = main([*small, "--data", str(tmp_path), "--workers", "1"])
    text = capsys.readouterr().out
    assert "| null_family | 1 |" in text
    assert code == int("MISSED" in text)
