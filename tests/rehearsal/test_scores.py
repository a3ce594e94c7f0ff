"""Scores of rehearsed rows beside the online ones, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.traffic import ServedBy
from replay.errors import CheckpointMismatch
from replay.features import Encoder
from replay.rehearsal.rows import RehearsedRows
from replay.rehearsal.scores import (
    Agreement,
    RehearsedScores,
    compare_with_online,
    score_range,
    score_rows,
    unknown_versions,
)
from tests.rehearsal.cases import rows_of, total

INPUTS = [{"name": "x", "features": ["a"]}]


def scored(rows: RehearsedRows) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    tensors = Encoder(rows.config.model, rows.batch.schema).encode(rows.batch).tensors
    return score_rows(rows.config, rows.batch, tensors, rows.scorers)


def test_scores_come_in_chunks_and_all_are_there():
    values = np.arange(3_000.0)
    scores, problems = scored(rows_of({"a": values}, INPUTS))
    assert scores["prod"].tolist() == values.tolist()
    assert problems == {}


def test_a_route_takes_each_row_from_one_of_its_members():
    rows = rows_of(
        {"a": np.ones(400)},
        INPUTS,
        {"prod": total, "next": lambda tensors: total(tensors) * 3},
        checkpoints={"prod": {"path": "p"}, "next": {"path": "n"}, "ramp": {"route": {"prod": 0.5, "next": 0.5}}},
    )
    ramp = scored(rows)[0]["ramp"]
    assert set(ramp.tolist()) == {1.0, 3.0}
    assert 1.7 < ramp.mean() < 2.3


def test_a_checkpoint_that_does_not_answer_says_why_and_takes_its_routes_along():
    def refuse(_: Any) -> Any:
        raise CheckpointMismatch("index out of range")

    rows = rows_of(
        {"a": np.ones(4)},
        INPUTS,
        {"prod": total, "next": refuse},
        checkpoints={"prod": {"path": "p"}, "next": {"path": "n"}, "ramp": {"route": {"prod": 0.5, "next": 0.5}}},
    )
    scores, problems = scored(rows)
    assert set(scores) == {"prod"}
    assert problems == {"next": "index out of range", "ramp": "next did not answer"}


def test_the_range_is_of_what_is_finite():
    assert score_range(np.array([1.0, np.nan, 3.0, np.inf])) == RehearsedScores(1.0, 2.0, 3.0, 2)
    assert score_range(np.array([np.nan])) == RehearsedScores(None, None, None, 1)


def test_rows_agree_within_the_tolerance_and_nulls_are_not_compared():
    rows = rows_of({"a": [1.0, 2.0, 3.0, 4.0]}, INPUTS, diff={"tolerance": {"abs": 0.1, "rel": 0}})
    online = pa.array([1.05, 2.5, None, 4.0])
    rows = replace(rows, batch=rows.batch.set_column(1, "online", online))
    scores, _ = scored(rows)
    assert compare_with_online(rows.config, rows.batch, scores) == (Agreement("prod", False, 3, 2, 1),)


def test_with_served_by_each_checkpoint_answers_for_what_it_served():
    rows = rows_of(
        {"a": [1.0, 2.0, 3.0], "by": ["prod", "next", "who"]},
        INPUTS,
        {"prod": total, "next": lambda tensors: total(tensors) * 2},
        checkpoints={"prod": {"path": "p"}, "next": {"path": "n"}},
    )
    traffic = rows.config.traffic.model_copy(update={"served_by": ServedBy(column="by")})
    config = rows.config.model_copy(update={"traffic": traffic})
    batch = rows.batch.set_column(1, "online", pa.array([1.0, 4.0, 9.0]))
    scores, _ = scored(rows)
    assert compare_with_online(config, batch, scores) == (
        Agreement("prod", False, 3, 1, 0),
        Agreement("prod", True, 1, 1, 0),
        Agreement("next", True, 1, 1, 0),
    )


def test_a_measured_tolerance_is_the_default_one():
    rows = rows_of({"a": [1.0, 2.0]}, INPUTS)
    diff = rows.config.diff.model_copy(update={"tolerance": "auto"})
    batch = rows.batch.set_column(1, "online", pa.array([1.0 + 5e-6, 2.1]))
    (found,) = compare_with_online(rows.config.model_copy(update={"diff": diff}), batch, scored(rows)[0])
    assert (found.compared, found.agree) == (2, pytest.approx(1))


def test_where_the_baseline_disagrees_a_checkpoint_that_agrees_is_compared_too():
    rows = rows_of(
        {"a": np.arange(1.0, 21.0)},
        INPUTS,
        {"prod": total, "next": lambda tensors: total(tensors) * 2, "far": lambda tensors: total(tensors) * 3},
        checkpoints={"prod": {"path": "p"}, "next": {"path": "n"}, "far": {"path": "f"}},
    )
    batch = rows.batch.set_column(1, "online", pa.array(2 * np.arange(1.0, 21.0)))
    scores, _ = scored(rows)

    assert compare_with_online(rows.config, batch, scores) == (
        Agreement("prod", False, 20, 0, 0),
        Agreement("next", False, 20, 20, 0),
    )


def test_versions_that_name_no_checkpoint_are_counted():
    rows = rows_of({"a": [1.0] * 5, "by": ["17", "prod", "17", None, "18"]}, INPUTS)
    traffic = rows.config.traffic.model_copy(update={"served_by": ServedBy(column="by")})

    assert unknown_versions(rows.config.model_copy(update={"traffic": traffic}), rows.batch) == {
        "17": 2,
        "null": 1,
        "18": 1,
    }
    assert unknown_versions(rows.config, rows.batch) == {}
