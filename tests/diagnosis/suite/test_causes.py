"""Causes and noises of the suite, held against values by hand and plain torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.bench.diagnosis.causes import CAUSES, Cause, both, make_cause
from tests.bench.diagnosis.causes.layers import through_layer
from tests.bench.diagnosis.causes.stale import newest_before
from tests.bench.diagnosis.noises import TYPES, bounded, cut, layered, rounded
from tests.bench.diagnosis.world import answer


@pytest.mark.parametrize("kind", sorted(CAUSES))
def test_every_cause_changes_answers(scene, kind):
    clean = scene.score(scene.traffic.served)
    causes = [make_cause(kind, scene, np.random.default_rng(seed)) for seed in range(3)]
    whole = [cause.answers(scene.traffic.served) for cause in causes]
    assert max((np.abs(answers - clean) > 1e-6).mean() for answers in whole) > 0.01
    rows = np.array([5, 6, 700])  # any rows get what they get among all of them
    for cause, answers in zip(causes, whole, strict=True):
        np.testing.assert_allclose(cause.answers(scene.traffic.served, rows), answers[rows], rtol=1e-5)


def test_newest_before_is_brute_force():
    rng = np.random.default_rng(0)
    entity, time_us = rng.integers(0, 5, 60), np.sort(rng.integers(0, 300, 60))
    expected = [
        max((j for j in range(60) if entity[j] == entity[i] and time_us[j] <= time_us[i] - 40), default=-1)
        for i in range(60)
    ]
    assert newest_before(entity, time_us, 40).tolist() == expected


def test_null_is_what_the_contract_makes_of_it(scene):
    served = {**scene.traffic.served, "age": np.full(len(scene.traffic), 35.0, np.float32)}
    made = Cause(scene, {}, lambda _: scene.missing(("age",)))
    np.testing.assert_array_equal(made.answers(scene.traffic.served), scene.score(served))


def changed(scene, kind, seed):
    """A cause of a kind, and the feature that it changes."""
    cause = make_cause(kind, scene, np.random.default_rng(seed))
    ((_, values),) = cause.change(scene.traffic.served).items()
    return cause.truth, values


@pytest.fixture(scope="module")
def lists(scene):
    return [list(values) for values in scene.traffic.table[scene.layout.vector].to_pylist()]


class TestLists:
    def padded(self, lists, length=8):
        return np.array([one + [0.0] * (length - len(one)) for one in lists], np.float32)

    def test_reversed(self, scene, lists):
        np.testing.assert_array_equal(changed(scene, "list_reversed", 0)[1], self.padded([one[::-1] for one in lists]))

    def test_padded_before(self, scene, lists):
        expected = np.array([[0.0] * (8 - len(one)) + one for one in lists], np.float32)
        np.testing.assert_array_equal(changed(scene, "list_other_side", 0)[1], expected)

    @pytest.mark.parametrize("seed", range(4))
    def test_cut(self, scene, lists, seed):
        truth, values = changed(scene, "list_cut", seed)
        side, kept = truth["list"].split()
        parts = [one[: int(kept)] if side == "first" else one[-int(kept) :] for one in lists]
        np.testing.assert_array_equal(values, self.padded(parts))

    @pytest.mark.parametrize("seed", range(3))
    def test_without_an_end(self, scene, lists, seed):
        truth, values = changed(scene, "list_shifted", seed)
        parts = [one[1:] if truth["list"] == "without the first" else one[:-1] for one in lists]
        np.testing.assert_array_equal(values, self.padded(parts))


class TestMaps:
    def test_hours(self, scene):
        truth, values = changed(scene, "hour_shift", 0)
        np.testing.assert_array_equal(values, (scene.traffic.served["hour"].astype(int) + truth["by"]) % 24)

    def test_buckets(self, scene):
        truth, values = changed(scene, "other_buckets", 1)
        np.testing.assert_array_equal(values, scene.traffic.served[truth["touched"][0]] % truth["buckets"])

    def test_recoded_is_a_cycle_of_some_values(self, scene):
        truth, values = changed(scene, "recoded", 1)
        logged = scene.traffic.served[truth["touched"][0]]
        became = {int(value): set(values[logged == value].tolist()) for value in np.unique(logged)}
        moved = {value for value, others in became.items() if others != {value}}
        assert len(moved) == truth["values"]
        assert set().union(*(became[value] for value in moved)) == moved

    @pytest.mark.parametrize("seed", range(4))
    def test_older_vocabulary(self, scene, seed):
        truth, values = changed(scene, "older_vocabulary", seed)
        logged = scene.traffic.served[truth["touched"][0]]
        if "taken_out" in truth:
            out = truth["taken_out"]
            np.testing.assert_array_equal(
                values, np.where(logged == out, 0, np.where(logged > out, logged - 1, logged))
            )
        else:
            lost = np.unique(logged[values != logged])
            assert len(lost) == truth["unknown"]
            np.testing.assert_array_equal(values, np.where(np.isin(logged, lost), 0, logged))


@pytest.mark.parametrize(
    ("kind", "by_hand"),
    [
        ("whole_numbers", {"cut": np.trunc, "rounded": np.rint}),
        ("few_decimals", {"1 decimal": lambda values: np.round(values, 1)}),
        (
            "wrapped_integer",
            {
                "int8": lambda values: values.astype(np.int64).astype(np.int8),
                "uint8": lambda values: values.astype(np.int64).astype(np.uint8),
            },
        ),
    ],
)
def test_casts_of_features(scene, kind, by_hand):
    for seed in range(6):
        truth, values = changed(scene, kind, seed)
        name = truth["touched"][0]
        logged, null = scene.traffic.served[name], scene.traffic.null.get(name)
        expected = by_hand[truth["type"]](logged.astype(np.float64)).astype(np.float32)
        np.testing.assert_array_equal(values, expected if null is None else np.where(null, logged, expected))


def test_batch_norm_takes_the_statistics_of_the_batch(scene):
    cause = make_cause("batch_norm", scene, np.random.default_rng(1))
    size, module = cause.truth["batch"], scene.modules["v1"]
    before = scene.score(scene.traffic.served)
    rows = np.arange(size, 2 * size)
    batch = {name: values[rows] for name, values in scene.traffic.served.items()}
    twin = type(module)(**scene.layout.sizes())
    twin.load_state_dict(module.state_dict())
    for tower, names in ((twin.query_tower, scene.layout.query), (twin.item_tower, scene.layout.item)):
        numbers = np.stack([batch[name] for name in names], axis=1).astype(np.float64)
        squashed = torch.from_numpy(np.sign(numbers) * np.log1p(np.abs(numbers)))
        tower.norm.running_mean.copy_(squashed.mean(0))
        tower.norm.running_var.copy_(squashed.var(0, unbiased=False))
    expected = answer(twin.eval(), scene.layout, batch)
    np.testing.assert_allclose(cause.answers(scene.traffic.served, rows), expected, rtol=2e-3)
    np.testing.assert_array_equal(scene.score(scene.traffic.served), before)  # the service has learnt nothing


def test_dropout_scatters(scene):
    cause = make_cause("dropout", scene, np.random.default_rng(1))
    alike = {name: np.repeat(values[:1], len(values), axis=0) for name, values in scene.traffic.served.items()}
    assert len(np.unique(cause.answers(alike))) > 100
    np.testing.assert_array_equal(cause.answers(alike), cause.answers(alike))


def test_two_at_once(scene):
    null = Cause(scene, {}, lambda _: scene.missing(("price",)))
    other = Cause(scene, {}, run=scene.answered_by(scene.modules["v2"]))
    layer = Cause(scene, {}, finish=lambda scores: through_layer(scores, 0.1, 1.1))
    served = {**scene.traffic.served, **scene.missing(("price",))}
    expected = through_layer(scene.score(served, module=scene.modules["v2"]), 0.1, 1.1)
    np.testing.assert_allclose(both(both(null, other), layer).answers(scene.traffic.served), expected)


class TestNoises:
    scores = np.array([0.0123, 0.4567, 0.9])

    def test_by_hand(self):
        assert rounded(2).apply(self.scores).tolist() == [0.01, 0.46, 0.9]
        assert cut(2).apply(self.scores).tolist() == [0.01, 0.45, 0.9]
        np.testing.assert_allclose(bounded(0.1, 0.5).apply(self.scores), [0.1, 0.4567, 0.5], rtol=1e-6)
        np.testing.assert_allclose(bounded(-np.inf, 0.5).apply(self.scores), [0.0123, 0.4567, 0.5], rtol=1e-6)
        logit = np.log(0.9 / 0.1)
        np.testing.assert_allclose(
            layered(0.2, 0.5).apply(np.array([0.9])), 1 / (1 + np.exp(-0.2 - 0.5 * logit)), rtol=1e-6
        )

    def test_what_may_be_said(self):
        assert rounded(2).may_be("rounded to 2 decimals")
        assert not rounded(2).may_be("rounded to 3 decimals")
        assert bounded(0.1, 0.5).may_be("never below 0.1 and never above 0.5")
        assert not bounded(0.1, np.inf).may_be("never above 0.5")
        assert not TYPES[0].may_be("held as float16")

    def test_rounding_alone_is_no_difference(self):
        other = self.scores + np.array([0.0, 0.0001, 0.2])
        assert rounded(3).differ(self.scores, other).tolist() == [False, False, True]
