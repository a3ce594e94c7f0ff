"""A claim held against the rows of a replay, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from replay.config import Tolerance
from replay.diagnosis.causes.cause import Cause, CauseWindow
from replay.diagnosis.incidents.rows import RowTable
from replay.flows.incidents import verification as module
from replay.flows.incidents.rows import CollectedRows
from replay.flows.incidents.verification import Claim, verify_claim
from replay.report.summary import Incident, Verification
from replay.scoring import Variant

# Six rows of the incident, a microsecond apart, among many that agree.
NUM_ROWS = 1_000
FIRST = 500
ONLINE = np.full(NUM_ROWS, 0.5)
BASE = ONLINE.copy()
BASE[FIRST : FIRST + 4] = 0.75
VARIANTS = (Variant("prod", "prod"), Variant("old", "old"), Variant("prod/one", "prod", "one"))
MANIFEST: Any = SimpleNamespace(run_id="r1")


def claimed(*causes: Cause, asked: int = 1) -> Claim:
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=FIRST)
    incident = Incident(start, start + timedelta(microseconds=6), 6, 4, 4 / 6, {}, causes)
    return Claim("/out", MANIFEST, 2, incident, asked)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Under `one`, three of the four rows agree and a good one does not; `old` gives the fourth."""
    one, old = BASE.copy(), BASE.copy()
    one[FIRST : FIRST + 3] = 0.5
    one[FIRST + 4] = 0.0
    old[FIRST + 3] = 0.5
    table = RowTable(np.arange(NUM_ROWS), ONLINE, BASE)

    def collect_rows(prepared: Any, scores: Any, total: int, others: list[Variant]) -> CollectedRows:
        assert total == NUM_ROWS
        return CollectedRows(table, np.arange(NUM_ROWS), 1.0, {"prod/one": one, "old": old})

    monkeypatch.setattr(module, "collect_rows", collect_rows)
    prepared: Any = SimpleNamespace(config=None, job=SimpleNamespace(work=SimpleNamespace(variants=VARIANTS)))

    def verify(claim: Claim) -> Verification:
        scores: Any = None
        return verify_claim(prepared, scores, claim, Tolerance(abs=0.01, rel=0.0), NUM_ROWS)

    return verify


ONE = Cause("null_features", 0.75, 4, variant="prod/one", explained_low=0.5, explained_high=0.9, features=("x",))
OLD = Cause("checkpoint", 0.25, 4, variant="old", checkpoint="old", explained_low=0.3, explained_high=0.6)


def test_rows_are_counted_as_they_are_and_under_the_cause(verified: Any):
    told = verified(claimed(ONE))
    assert (told.incident, told.rows, told.mismatched, told.mismatched_before, told.others) == (2, 6, 4, 4, 2)
    (check,) = told.causes
    assert (check.agreeing, check.others_changed, check.rate, check.holds) == (3, 1, 0.75, True)
    assert (check.words, check.variant, told.run_id) == ("x null", "prod/one", "r1")


def test_a_smaller_share_than_expected_does_not_hold(verified: Any):
    told = verified(claimed(ONE, OLD, asked=2))
    assert [check.holds for check in told.causes] == [True, False]
    assert told.check.words == "checkpoint old answered"
    assert told.together == 4


def test_a_cause_that_is_no_variant_is_left_out(verified: Any):
    told = verified(claimed(Cause("affine", 1.0, 4), ONE, asked=2))
    assert [check.cause for check in told.causes] == [2]
    assert told.check.holds


def test_a_cause_with_windows_is_held_against_their_rows(verified: Any):
    """Its window has three of the four mismatched rows: two agree under it, and the third together with another."""
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=FIRST + 1)
    window = CauseWindow(start, start + timedelta(microseconds=4), {}, 4, 3, 3, 3)
    told = verified(claimed(replace(ONE, windows=(window,), together=("old", "gone")), OLD))
    check, other = told.causes

    assert (check.rows, check.mismatched, check.agreeing, check.others_changed, check.rate) == (4, 3, 3, 1, 1.0)
    assert (check.expected_rate, check.expected_high, check.windows) == (1.0, 1.0, (window,))
    assert check.expected_low == pytest.approx(0.4385, abs=1e-4)  # Wilson's, 3 of 3
    assert (told.checked, told.others, told.mismatched) == (3, 1, 4)
    assert (other.rows, other.mismatched, other.windows, other.agreeing) == (None, None, None, 1)
