"""Exit codes, and how problems are rendered."""

from __future__ import annotations

import pickle

import pytest

from replay import errors
from replay.errors import ConfigError, Problem, ReplayError, render_problem
from replay.errors.excerpt import Excerpt


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("ReplayError", 4),
        ("UsageError", 2),
        ("OutputConflict", 2),
        ("RefusedError", 3),
        ("TrafficError", 3),
        ("CheckpointError", 3),
        ("UnsafeCheckpoint", 3),
        ("CorruptCheckpoint", 3),
        ("CheckpointMismatch", 3),
        ("RunFailed", 4),
    ],
)
def test_exit_codes_are_the_documented_ones(error: str, code: int):
    kind = getattr(errors, error)

    assert issubclass(kind, ReplayError)
    assert kind("why").exit_code == code


def test_a_config_error_holds_all_problems_with_their_lines():
    error = ConfigError([Problem("is missing", "traffic.key", 3), Problem("expected a number", "seed")], "a.yaml")

    assert str(error) == "2 problems in a.yaml:\na.yaml:3: traffic.key: is missing\na.yaml: seed: expected a number"
    assert error.exit_code == 2


def test_a_config_that_only_does_not_fit_its_input_is_refused():
    unfit = Problem("no such column", "traffic.score", exit_code=3)

    assert ConfigError([unfit]).exit_code == 3
    assert ConfigError([unfit, Problem("is missing")]).exit_code == 2


def test_what_is_not_known_is_left_out():
    assert render_problem(Problem("the file is empty"), "a.yaml") == "a.yaml: the file is empty"
    assert render_problem(Problem("is missing", "seed", 7)) == "7: seed: is missing"


def test_the_place_in_a_line_is_underlined():
    error = ConfigError([Problem("found 'x'", "seed", 7, excerpt=Excerpt("seed: x", 6, 7))], "a.yaml")

    assert str(error) == "a.yaml:7:7: seed: found 'x'\n    7 | seed: x\n      |       ^"
    assert "\033[1;31m^\033[0m" in error.render(color=True)


def test_a_problem_that_comes_twice_is_shown_once():
    assert str(ConfigError([Problem("is missing", "seed", 7)] * 2, "a.yaml")) == "a.yaml:7: seed: is missing"


def test_an_option_is_shown_without_a_number():
    problem = Problem("found 'x'", "seed", excerpt=Excerpt("--set seed=x", 11, 12))

    assert render_problem(problem, "a.yaml").splitlines() == [
        "a.yaml: seed: found 'x'",
        "      | --set seed=x",
        "      |            ^",
    ]


def test_a_config_error_crosses_processes_whole():
    error = ConfigError([Problem("is missing", "seed", 7, exit_code=3, excerpt=Excerpt("seed:", 0, 4))], "a.yaml")
    again = pickle.loads(pickle.dumps(error))

    assert (again.problems, again.source, again.exit_code, str(again)) == (error.problems, "a.yaml", 3, str(error))
