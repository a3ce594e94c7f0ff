"""What a cause is equivalent to, on cases whose online scores are plain torch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import IMPLAUSIBLE, SAME_ON_ROWS, SAME_TO_MODEL, Equivalent
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.equivalents.compare import compare
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.hypothesis import Hypothesis

RNG = np.random.default_rng(11)
HIT, GOOD = 40, 60
ROWS = HIT + GOOD
HOUR = 3_600_000_000
A = RNG.uniform(0.0, 50.0, ROWS)
B = RNG.uniform(1.0, 9.0, ROWS)
COUNTRY = np.array(["de", "fr", "us", "it"])[RNG.integers(0, 4, ROWS)]


def prod(x: torch.Tensor) -> torch.Tensor:
    """(a + 7 max(b, 0)) / 100: a negative b counts as none."""
    return (x[:, 0] + 7 * x[:, 1].clamp(min=0.0)) / 100


def never_saw_b(x: torch.Tensor) -> torch.Tensor:
    return x[:, 0] / 100


def never_saw_b_but_caps_a(x: torch.Tensor) -> torch.Tensor:
    return x[:, 0].clamp(max=40.0) / 100


def lab(
    a: np.ndarray = A,
    b: np.ndarray = B,
    served: np.ndarray | None = None,
    *,
    good: int = GOOD,
    others: Mapping[str, Any] | None = None,
    segments: Mapping[str, np.ndarray] | None = None,
    budget: int = 1_000_000,
    **given: Any,
) -> CounterfactualReplay:
    """The first rows were hit: b was ``served`` there, nothing by default; the others agree."""
    a, b = a[: HIT + good], b[: HIT + good]
    logged = torch.from_numpy(np.stack([a, b], 1))
    changed = logged.clone()
    changed[:HIT, 1] = 0.0 if served is None else torch.from_numpy(served[:HIT])
    models = {"prod": prod, **(others or {})}
    evidence = Evidence(
        pa.RecordBatch.from_pydict({"a": pa.array(a), "b": pa.array(b)}),
        prod(changed).numpy(),
        np.arange(len(a)) < HIT,
        segments={name: pa.array(values[: len(a)]) for name, values in (segments or {}).items()},
        **given,
    )
    return CounterfactualReplay(
        ModelConfig(inputs=(Input(name="x", dtype="float64", features=("a", "b"), missing=0.0),)),
        evidence,
        {
            name: FunctionScorer(lambda tensors, model=model: model(tensors["x"]), fingerprint=name)
            for name, model in models.items()
        },
        "prod",
        Tolerance(abs=1e-7, rel=0.0),
        budget,
    )


def null(replay: CounterfactualReplay) -> Hypothesis:
    return replay.perturbed("null_features", ("b",), "nulls")


def times(replay: CounterfactualReplay, factor: float) -> Hypothesis:
    return replay.perturbed("scale", ("b",), "scale", factor=factor)


def fixed(replay: CounterfactualReplay, value: float) -> Hypothesis:
    return replay.perturbed("constant", ("b",), "constant", value=value)


def shifted(replay: CounterfactualReplay, by: float) -> Hypothesis:
    return replay.perturbed("map", ("b",), "shift", by=by)


def only(replay: CounterfactualReplay, named: Hypothesis, other: Hypothesis) -> Equivalent:
    (found,) = compare(replay, named, [other], replay.bad).values()
    return found


@pytest.mark.parametrize(
    ("other", "instead"),
    [(lambda one: fixed(one, 0.0), "zero"), (lambda one: times(one, -1.0), "multiplied by -1")],
    ids=["zero", "sign"],
)
def test_what_the_model_cannot_see_is_told_by_what_became_of_the_feature(other, instead):
    replay = lab()

    assert only(replay, null(replay), other(replay)).kind == SAME_TO_MODEL
    assert only(replay, null(replay), other(replay)).instead == instead


def test_another_checkpoint_that_scores_every_row_alike_is_told_in_full():
    replay = lab(others={"older": never_saw_b})
    found = only(replay, null(replay), replay.hypothesis("checkpoint", checkpoint="older"))

    assert found == Equivalent("checkpoint older", SAME_TO_MODEL)


def test_good_rows_tell_apart_and_a_feature_marks_them():
    b = np.where(np.arange(ROWS) % 3 == 2, -B, B)
    b[:HIT] = np.abs(b[:HIT])
    replay = lab(b=b)
    differ = int((b[HIT:] < 0).sum())
    found = only(replay, null(replay), times(replay, -1.0))

    assert found == Equivalent(
        "b multiplied by -1",
        SAME_ON_ROWS,
        told_apart_by=f"rows with b < 0 (the two differ on {differ} of {GOOD} good rows that were tried)",
    )


def test_a_feature_that_neither_changes_may_mark_them():
    """The older checkpoint differs from null b where a is beyond 40, which was in no row that was hit."""
    a = np.where(np.arange(ROWS) < HIT, A * 0.7, A)
    replay = lab(a=a, others={"older": never_saw_b_but_caps_a})
    good = a[HIT:]
    found = only(replay, null(replay), replay.hypothesis("checkpoint", checkpoint="older"))

    assert good[good <= 40].max() < 40 < good.max()
    assert found.told_apart_by is not None
    assert found.told_apart_by.startswith("rows with a ≥ ")
    assert f"the two differ on {(good > 40).sum()} of {GOOD} good rows" in found.told_apart_by


def test_a_segment_may_mark_them():
    """In Italy a has a fraction of a sixteenth that the older checkpoint reads; no cut of a separates these rows."""
    is_it = (COUNTRY == "it") & (np.arange(ROWS) >= HIT)
    a = np.where(is_it, np.floor(A) + 0.0625, np.floor(A))

    def reads_a_fraction(x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] / 100 + 0.5 * (x[:, 0] != torch.floor(x[:, 0]))

    replay = lab(a=a, others={"older": reads_a_fraction}, segments={"country": COUNTRY})
    found = only(replay, null(replay), replay.hypothesis("checkpoint", checkpoint="older"))

    assert found.told_apart_by == (
        f"rows with country it (the two differ on {is_it.sum()} of {GOOD} good rows that were tried)"
    )


@pytest.mark.parametrize(
    "other",
    [lambda one: times(one, -1.0), lambda one: one.hypothesis("checkpoint", checkpoint="older")],
    ids=["sign", "checkpoint"],
)
def test_what_the_log_never_held_otherwise_is_not_said_to_be_the_same_to_the_model(other):
    """b is 5 in every row: what the model makes of any other value nobody can say."""
    replay = lab(b=np.full(ROWS, 5.0), others={"older": never_saw_b})
    found = only(replay, null(replay), other(replay))

    assert found.kind == SAME_ON_ROWS
    assert found.told_apart_by == "rows with b other than 5.0: there is none among the 100 that were tried"


def test_values_that_are_overwritten_alike_need_not_vary():
    replay = lab(b=np.full(ROWS, 5.0))

    assert only(replay, null(replay), fixed(replay, 0.0)).kind == SAME_TO_MODEL


def test_rows_that_differ_where_no_feature_says_why():
    """Two checkpoints that differ by chance, as far as any feature goes."""
    odd = RNG.random(ROWS) < 0.4
    odd[:HIT] = False
    marked = A.copy()
    marked[odd] = np.floor(marked[odd] * 1024) / 1024 + 2**-30  # a bit that only this checkpoint reads

    def reads_a_bit(x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] / 100 + 0.3 * ((x[:, 0] * 1024 - torch.floor(x[:, 0] * 1024) - 2**-20).abs() < 2**-24)

    replay = lab(a=marked, others={"older": reads_a_bit})
    found = only(replay, null(replay), replay.hypothesis("checkpoint", checkpoint="older"))

    assert found.told_apart_by == (
        f"rows (the two differ on {odd.sum()} of {GOOD} good rows that were tried, which no single feature marks)"
    )


def test_without_good_rows_only_mismatched_ones_can_tell():
    replay = lab(good=0, others={"older": never_saw_b_but_caps_a})
    differ = int((A[:HIT] > 40).sum())
    found = only(replay, null(replay), replay.hypothesis("checkpoint", checkpoint="older"))

    assert found.told_apart_by is not None
    assert f"the two differ on {differ} of {HIT} mismatched rows, there was no good row to try" in found.told_apart_by


def test_a_budget_that_does_not_reach_the_good_rows_is_said():
    replay = lab(budget=2 * HIT)
    found = only(replay, null(replay), times(replay, -1.0))

    assert found.kind == SAME_ON_ROWS
    assert found.told_apart_by == "not known, as the budget was spent before it was replayed on the good rows"


@pytest.mark.parametrize(
    "other",
    [
        lambda one: times(one, 1e-12),  # nothing, in other words
        lambda one: times(one, -1e6),  # so is any other number that the model clips
        lambda one: fixed(one, -3.0),  # nobody logs it
        lambda one: shifted(one, -1e4),  # far beyond all that was logged
    ],
    ids=["vanishing factor", "clipped factor", "constant", "shift"],
)
def test_what_nobody_needs_to_know_is_implausible(other):
    replay = lab()

    assert only(replay, null(replay), other(replay)).kind == IMPLAUSIBLE


def test_a_large_factor_that_the_scores_show_is_plausible():
    replay = lab(served=B * 1000.0)

    assert only(replay, times(replay, 1000.0), times(replay, 1000.0)).kind == SAME_TO_MODEL


def stale_lab(spread_us: int) -> CounterfactualReplay:
    """Each row has its user, and one older row of it, two hours before; of every second user only."""
    time_us = 10 * HOUR + np.arange(ROWS, dtype=np.int64) * spread_us
    known = np.arange(0, ROWS, 2)
    older = {"time_us": time_us[known] - 2 * HOUR, "a": A[known], "b": np.zeros(len(known))}
    history = pa.table({"entity": pa.array(known), **older})
    return lab(entity=pa.array(np.arange(ROWS)), time_us=time_us, history=history)


def stale(replay: CounterfactualReplay, hours: float) -> Hypothesis:
    return replay.perturbed("stale_features", ("b",), "stale", lag=timedelta(hours=hours))


def test_a_lag_beyond_the_log_is_implausible_and_one_without_values_is_no_history():
    replay = stale_lab(spread_us=60_000_000)  # the log spans 2 hours and 99 minutes

    assert only(replay, null(replay), stale(replay, 1.0)) == Equivalent(
        "b stale by 1h", SAME_TO_MODEL, instead="stale by 1h"
    )
    assert only(replay, null(replay), stale(replay, 3.0)).instead == "without history"
    assert only(replay, null(replay), stale(replay, 5.0)).kind == IMPLAUSIBLE


def test_the_whole_search_tells_each_kind():
    b = np.where(np.arange(ROWS) % 3 == 2, -B, B)
    b[:HIT] = np.abs(b[:HIT])
    replay = lab(b=b, others={"older": never_saw_b})
    diagnosis = find_causes(replay)
    (cause,) = diagnosis.causes
    told = {one.cause: one for one in cause.equivalents}

    assert (cause.kind, cause.features) == ("null_features", ("b",))
    assert told["b = 0.0"].instead == "zero"
    assert told["checkpoint older"].kind == SAME_TO_MODEL
    assert told["b multiplied by -1"].kind == SAME_ON_ROWS
    assert set(cause.equivalent) == {one.cause for one in cause.equivalents if one.instead is None}
    in_table = {one.equivalence for one in diagnosis.tried if one.outcome == "equivalent"}
    assert {SAME_TO_MODEL, SAME_ON_ROWS} <= in_table
    assert all(one.equivalence is None for one in diagnosis.tried if one.outcome != "equivalent")
