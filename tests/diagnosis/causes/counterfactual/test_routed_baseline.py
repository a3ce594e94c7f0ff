"""A baseline that is a route: its members answer, and the log may name the wrong one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.checkpoints import FunctionScorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.counterfactual.routed_baseline import RoutedBaseline
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import find_causes
from replay.report.words.causes import cause_words
from tests.diagnosis.linear import INPUTS, linear, score, small_columns

ROWS = 400
COLUMNS = small_columns(ROWS)
OLD, NEW = score(COLUMNS, (1, 2, 4)), score(COLUMNS, (1, 3, 4))
LOGGED = np.arange(ROWS) % 2  # every other row says `new`


def replayed(
    online: np.ndarray, mismatched: np.ndarray, *, as_logged: bool = True, mismatch_rate: float = 1.0
) -> CounterfactualReplay:
    """A fleet of `old` and `new`, by what the log says."""
    batch = pa.RecordBatch.from_pydict({name: pa.array(column) for name, column in COLUMNS.items()})
    members = {"old": linear(1, 2, 4), "new": linear(1, 3, 4)}
    return CounterfactualReplay(
        ModelConfig(inputs=INPUTS),
        Evidence(batch, online, mismatched, mismatch_rate=mismatch_rate),
        {name: FunctionScorer(forward, fingerprint=name) for name, forward in members.items()},
        "fleet",
        Tolerance(abs=1e-9, rel=0.0),
        1_000_000,
        routed=RoutedBaseline(("old", "new"), LOGGED, as_logged),
    )


def test_each_member_answers_its_rows():
    routed = RoutedBaseline(("old", "new"), LOGGED, as_logged=True)
    parts = routed.parts(np.array([5, 0, 7]))
    assert [(name, chosen.tolist()) for name, chosen in parts] == [("old", [1]), ("new", [0, 2])]
    assert [name for name, _ in routed.parts(np.array([0, 2]))] == ["old"]


def test_the_commonest_member():
    routed = RoutedBaseline(("old", "new"), LOGGED, as_logged=True)
    assert routed.commonest(np.array([0, 1, 3, 5])) == ("new", pytest.approx(0.75))


def test_the_baseline_is_what_each_member_answers():
    served = np.where(LOGGED == 1, NEW, OLD)
    online = served.copy()
    online[:50] += 1.0
    replay = replayed(online, np.arange(ROWS) < 50)
    np.testing.assert_allclose(replay.base_scores, served, rtol=1e-12)
    assert replay.other_checkpoints == ("old", "new")


def test_a_perturbation_goes_through_each_member():
    online = np.where(LOGGED == 1, NEW, OLD) + 1.0
    replay = replayed(online, np.ones(ROWS, bool))
    hypothesis = replay.perturbed("null_features", ("b",), "nulls")
    nulled = {**COLUMNS, "b": np.zeros(ROWS)}
    expected = np.where(LOGGED == 1, score(nulled, (1, 3, 4)), score(nulled, (1, 2, 4)))
    rows = np.array([3, 8, 8, 399])
    np.testing.assert_allclose(replay.predict([hypothesis], rows)[0], expected[rows], rtol=1e-12)


def test_a_log_that_names_the_wrong_version_is_said_to():
    """Rows that the log gives to `new` were answered by `old`."""
    wrong = (LOGGED == 1) & (np.arange(ROWS) < 200)
    online = np.where(LOGGED == 1, NEW, OLD)
    online[wrong] = OLD[wrong]
    cause = find_causes(replayed(online, wrong)).causes[0]

    assert (cause.kind, cause.checkpoint) == ("checkpoint", "old")
    assert cause.explained_rate == 1.0
    assert (cause.parameters or {})["logged_version"] == "new"
    assert "The log names new on 100% of the rows that it explains" in cause.text
    assert cause_words(cause) == "checkpoint old answered, not new as the log says"


def test_a_route_by_hash_says_nothing_of_a_log():
    wrong = (LOGGED == 1) & (np.arange(ROWS) < 200)
    online = np.where(LOGGED == 1, NEW, OLD)
    online[wrong] = OLD[wrong]
    cause = find_causes(replayed(online, wrong, as_logged=False)).causes[0]

    assert (cause.kind, cause.checkpoint) == ("checkpoint", "old")
    assert "logged_version" not in (cause.parameters or {})
    assert cause_words(cause) == "checkpoint old answered"
