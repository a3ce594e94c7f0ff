"""A rehearsal in sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from replay.errors import CheckpointMismatch
from replay.rehearsal import Rehearsal, check_contract, rehearse
from replay.rehearsal.scores import Agreement
from replay.report.words.rehearsal import agreement_sentence, refused_sentence, rehearsal_warnings
from tests.rehearsal.cases import rows_of


def tried(values: list[Any], scorers: Any = None, **changes: Any) -> Rehearsal:
    rows = rows_of({"a": values}, [{"name": "x", "feature": "a"}], scorers, **changes)
    return rehearse(rows, check_contract(rows, lambda _: True))


def fail(_: Any) -> Any:
    raise CheckpointMismatch("it failed")


def test_agreement_says_who_and_how_many():
    assert agreement_sentence(Agreement("prod", True, 1, 1, 0)) == (
        "prod, over the rows that it served, agrees with online in 1 of 1 row (100%) within the tolerance"
    )
    assert agreement_sentence(Agreement("prod", False, 0, 0, 9)).endswith(
        "could not be compared with online: every online score is null: see `traffic.score`"
    )
    assert agreement_sentence(Agreement("prod", False, 0, 0, 0)).endswith("no row has both scores")


def test_nothing_off_is_nothing_said():
    assert list(rehearsal_warnings(tried([1.0, 2.0]))) == []


def test_what_is_off_is_said():
    assert list(rehearsal_warnings(tried([1.0, None]))) == [
        "in the rehearsal, 1 of 2 rows (50%) is rejected: a in 1 row (null, such as at id=r1)"
    ]
    assert list(rehearsal_warnings(tried([1.0], {"prod": fail}))) == ["checkpoint prod: it failed"]
    rows = rows_of({"a": [1.0]}, [{"name": "x", "feature": "a"}])
    rows = replace(rows, batch=rows.batch.set_column(1, "online", pa.array([None], pa.float64())))
    unscored = rehearse(rows, check_contract(rows, lambda _: True))
    assert unscored.refused
    assert list(rehearsal_warnings(unscored)) == [
        "prod could not be compared with online: every online score is null: see `traffic.score`"
    ]
    assert refused_sentence(unscored) == next(rehearsal_warnings(unscored))


def test_why_it_is_refused():
    assert refused_sentence(tried([1.0, None])) == (
        "1 of 2 sampled rows (50%) would be rejected, and `engine.max_rejected` allows 1%"
    )
    assert refused_sentence(tried([1.0], {"prod": fail})) == "checkpoint prod does not answer"
