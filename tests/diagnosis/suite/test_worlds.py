"""Worlds answer as the engine does, and are as uneven as traffic is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.diagnosis.case import Suite, World
from tests.bench.diagnosis.world import answer
from tests.bench.diagnosis.worlds import WORLDS


def test_engine_replays_what_plain_torch_answers(world, traffic):
    expected = answer(world.modules["v1"], world.layout, traffic.served)
    np.testing.assert_allclose(world.engine.replay(traffic), expected, rtol=2e-5)
    assert expected.std() > 0.01


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["open_bandit", "adult"])
def test_engine_replays_real_traffic(name, open_bandit, tmp_path):
    suite = Suite(tmp_path, 0, 4_000, open_bandit.parents[1])
    suite.prepare(name)
    world, traffic = World(suite, name), suite.traffic(name, np.random.default_rng(0))
    expected = answer(world.modules["v1"], world.layout, traffic.served)
    np.testing.assert_allclose(world.engine.replay(traffic), expected, rtol=2e-5)
    assert (np.diff(traffic.time_us) >= 0).all()


@pytest.mark.real_data
def test_words_that_are_missing_are_logged_as_null(open_bandit):
    traffic = WORLDS["adult"].traffic(np.random.default_rng(0), 4_000, open_bandit.parents[1])
    for name in ("workclass", "occupation", "native_country"):
        null = traffic.table[name].is_null().to_numpy(zero_copy_only=False)
        assert 0.005 < null.mean() < 0.2
        np.testing.assert_array_equal(traffic.null[name], null)
        assert (traffic.served[name][null] == 0).all()


def test_engine_replays_the_version_that_the_log_names(world, traffic):
    versions = np.where(np.arange(len(traffic)) % 3, "v2", "v1")
    scores = {name: answer(world.modules[name], world.layout, traffic.served) for name in ("v1", "v2")}
    replayed = world.served_engine.replay(traffic.with_versions(versions))
    np.testing.assert_allclose(replayed, np.where(versions == "v1", scores["v1"], scores["v2"]), rtol=2e-5)


def test_checkpoints_differ(world, traffic):
    scores = [answer(module, world.layout, traffic.served) for module in world.modules.values()]
    assert np.abs(scores[0] - scores[1]).mean() > 1e-3
    assert np.abs(scores[1] - scores[2]).mean() > 1e-3


def test_traffic_is_sorted_and_uneven(traffic):
    assert (np.diff(traffic.time_us) >= 0).all()
    counts = np.histogram(traffic.time_us, 12)[0]
    assert counts.max() > 1.3 * counts.min()


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_layouts_name_every_feature_in_one_family(name):
    layout = WORLDS[name].layout
    members = [feature for family in layout.families.values() for feature in family]
    assert sorted(members) == sorted(layout.features)
    assert "host" in layout.segments
    assert layout.clock in layout.features
