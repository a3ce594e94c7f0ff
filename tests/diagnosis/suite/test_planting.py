"""What is planted is where it was planted, and seen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.diagnosis.causes import CAUSES, Cause, Scene
from tests.bench.diagnosis.incidents import INCIDENTS, Draft, Strike
from tests.bench.diagnosis.noises import TYPES
from tests.bench.diagnosis.planting import Planter
from tests.bench.diagnosis.world import answer


def plant(world, traffic, kind, seed=2):
    return Planter(world.layout, traffic, world.modules, np.random.default_rng(seed)).incident(kind)


def test_there_are_as_many_kinds_as_promised():
    assert len(INCIDENTS) >= 40
    assert set(CAUSES) <= set(INCIDENTS)


@pytest.mark.parametrize("kind", sorted(INCIDENTS))
def test_incident_is_seen_where_it_was_planted(world, traffic, kind):
    planted = plant(world, traffic, kind)
    minute = (traffic.time_us - traffic.time_us[0]) / 60e6
    assert planted.kind == kind
    for one in planted.plants:
        assert len(one.rows) >= 20
        assert set(one.rows) <= set(one.strike.rows)
        assert traffic.in_slice(one.strike.segments)[one.rows].all()
        inside = [(minute >= first) & (minute < last) for first, last in one.strike.spans]
        assert np.any(inside, axis=0)[one.rows].all()


def test_clean_run_is_within_rounding_but_for_drift(world, traffic):
    planted = Planter(world.layout, traffic, world.modules, np.random.default_rng(1)).clean()
    scores = answer(world.modules["v1"], world.layout, traffic.served)
    far = np.abs(planted.online - scores) > 2.0**-7 * scores + 1e-6
    assert not planted.plants
    assert far.mean() <= 1.5 * planted.drift + 0.005


def test_case_follows_from_its_seed(world, traffic):
    first, second = (plant(world, traffic, "mixture", seed=8) for _ in range(2))
    np.testing.assert_array_equal(first.online, second.online)


def test_rows_of_an_overlap_have_both(world, traffic):
    first, second = plant(world, traffic, "overlapping", seed=3).plants
    assert len(np.intersect1d(first.strike.rows, second.strike.rows)) > 0
    assert first.strike.spans[0][0] < second.strike.spans[0][0] < first.strike.spans[0][1]


def test_a_factor_on_what_is_null_as_well_does_not_show(world, traffic):
    """What online answers is the same with and without it where both struck: by plain torch, feature by feature."""
    scene = Scene(world.layout, traffic, world.modules)
    rows = np.arange(1_000)
    scaled = Cause(scene, {}, lambda served: {"views_1d": 10 * served["views_1d"]}, kind="scale")
    null = Cause(scene, {}, lambda _: scene.missing(("views_1d",)), kind="null_features")
    strikes = (Strike(scaled, rows, ((0.0, 60.0),), {}, 1.0), Strike(null, rows[600:], ((0.0, 60.0),), {}, 1.0))
    planter = Planter(world.layout, traffic, world.modules, np.random.default_rng(2))
    clean = scene.score(traffic.served)
    first, second = (planter._plant(number, Draft(strikes), TYPES[0], clean) for number in (0, 1))

    assert len(first.rows) > len(first.beside_others) > 0
    assert set(first.beside_others) == set(first.rows[first.rows < 600])
    assert set(second.beside_others) <= set(rows[600:])


def test_share_of_a_ramp_grows_or_fades(world, traffic):
    minute = (traffic.time_us - traffic.time_us[0]) / 60e6
    for kind, sign in (("ramp_in", 1), ("ramp_out", -1)):
        (one,) = plant(world, traffic, kind).plants
        ((first, last),) = one.strike.spans
        middle = (first + last) / 2
        early, late = (minute[one.strike.rows] < middle).sum(), (minute[one.strike.rows] >= middle).sum()
        of_slice = traffic.in_slice(one.strike.segments) & (minute >= first) & (minute < last)
        early = early / max((of_slice & (minute < middle)).sum(), 1)
        late = late / max((of_slice & (minute >= middle)).sum(), 1)
        assert sign * (late - early) > 0.2


def test_log_names_the_wrong_version_in_the_incident_only(world, traffic):
    planted = plant(world, traffic, "wrong_version")
    (one,) = planted.plants
    answered, logged = (one.strike.cause.truth[name] for name in ("checkpoint", "logged"))
    hit = planted.versions[one.rows]
    assert (hit == logged).all()
    expected = answer(world.modules[answered], world.layout, traffic.served)
    agree = np.abs(planted.online - expected)[one.rows] <= 2.0**-7 * expected[one.rows] + 1e-6
    assert agree.mean() > 0.9  # but for rows whose features moved
