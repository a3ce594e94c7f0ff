from dataclasses import replace

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.find import find_incidents
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import measure_noise
from tests.diagnosis.traffic import MINUTE, START_US, Plant, make_traffic, overlap

HOME = {"surface": "home"}
PAIR = {"surface": "home", "country": "DE"}


def search(table, **kwargs):
    return find_incidents(table, measure_noise(table).tolerance, **kwargs)


@pytest.mark.parametrize("block", range(4))
def test_clean_traffic_gives_no_alarm(block):
    """200 runs: float16 or float32 serving, moved rows alone or in requests, with and without a group."""
    alarms = 0
    for seed in range(block * 50, block * 50 + 50):
        table, _ = make_traffic(seed, num_rows=4_000, half=seed % 2 == 0, by_group=seed % 3 > 0)
        alarms += len(search(table if seed % 5 else replace(table, group=None)))

    assert alarms == 0


@pytest.mark.parametrize(
    ("plant", "num_rows"),
    [
        (Plant(60, 63, 0.3, {}), 30_000),
        (Plant(36, 37, 1.0, {}), 30_000),
        (Plant(75, 115, 0.1, {}), 30_000),
        (Plant(30, 60, 0.05, {}, size=2.0), 30_000),
        (Plant(30, 35, 0.5, HOME), 30_000),
        (Plant(100, 115, 0.4, PAIR), 30_000),
        (Plant(40, 60, 0.3, PAIR, by_group=True), 30_000),
        (Plant(30, 45, 1.0, {"country": "BR"}), 30_000),
    ],
)
def test_one_incident(plant, num_rows):
    table, (rows,) = make_traffic(7, num_rows=num_rows, plants=[plant])
    (found,) = search(table)

    assert len(rows) >= 50
    assert found.segments == plant.segments
    assert (found.kind, found.permanent, found.since_start, found.gradual) == ("mismatch", False, False, False)
    assert overlap(found, table, rows) > 0.9
    assert found.p_value <= 1e-3
    # Online is higher than the replay.
    assert found.mean_delta < 0
    assert np.isin(rows, found.indices).mean() > 0.9


def test_what_is_reported_adds_up():
    table, (rows,) = make_traffic(7, num_rows=20_000, plants=[Plant(60, 65, 1.0, HOME)])
    (found,) = search(table)
    inside = (table.time_us >= found.start_us) & (table.time_us < found.end_us) & table.in_slice(HOME)

    assert (found.start_us, found.end_us) == (table.time_us[rows[0]], table.time_us[rows[-1]] + 1)
    assert found.rows == inside.sum()
    assert found.mismatched == len(found.indices)
    assert found.mismatch_rate == found.mismatched / found.rows
    assert found.mean_delta == pytest.approx((table.replayed - table.online)[inside].mean())


def test_random_incidents():
    overlaps = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        minutes = float(np.exp(rng.uniform(np.log(3), np.log(60))))
        first = rng.uniform(0, 120 - minutes)
        share = float(rng.choice([0.1, 0.3, 0.6, 1.0]))
        plant = Plant(first, first + minutes, share, [{}, HOME][seed % 2], by_group=seed % 3 == 0)
        table, (rows,) = make_traffic(seed, num_rows=20_000, plants=[plant])
        found = search(table)
        overlaps += [overlap(found[0], table, rows) if found else 0.0] if len(rows) >= 100 else []

    assert len(overlaps) >= 8
    assert np.median(overlaps) >= 0.95


def test_several_incidents():
    plants = [Plant(10, 13, 0.5, {}), Plant(50, 70, 0.3, HOME), Plant(95, 105, 1.0, {"country": "US"})]
    table, affected = make_traffic(3, num_rows=30_000, plants=plants)
    found = search(table)

    assert len(found) == 3
    for plant, rows in zip(plants, affected, strict=True):
        (match,) = [one for one in found if one.segments == plant.segments]
        assert overlap(match, table, rows) > 0.95
    assert len(search(table, max_incidents=2)) == 2


def test_a_pause_separates_two_incidents():
    table, affected = make_traffic(3, num_rows=30_000, plants=[Plant(30, 33, 0.3, {}), Plant(35, 38, 0.3, {})])
    found = sorted(search(table), key=lambda one: one.start_us)

    assert [overlap(one, table, rows) > 0.95 for one, rows in zip(found, affected, strict=True)] == [True, True]


def test_two_values_of_a_segment_are_two_incidents():
    plants = [Plant(30, 40, 0.5, {"country": value}) for value in ("DE", "US")]
    table, _ = make_traffic(3, num_rows=30_000, plants=plants)

    assert sorted(one.segments["country"] for one in search(table)) == ["DE", "US"]


@pytest.mark.parametrize(("share", "segments"), [(1.0, {}), (0.3, {}), (1.0, HOME), (0.5, PAIR)])
def test_bad_at_all_times(share, segments):
    table, _ = make_traffic(3, num_rows=20_000, plants=[Plant(0, 120, share, segments)])
    (found,) = search(table)

    assert found.segments == segments
    assert found.permanent
    assert found.since_start


def test_a_burst_within_a_permanent_incident():
    table, (_, rows) = make_traffic(3, num_rows=30_000, plants=[Plant(0, 120, 0.3, {}), Plant(60, 64, 1.0, {})])
    whole, burst = search(table)

    assert whole.permanent
    assert overlap(burst, table, rows) > 0.95


@pytest.mark.parametrize(("first", "last"), [(70, 120), (0, 40), (30, 102)])
def test_open_ends(first, last):
    table, (rows,) = make_traffic(3, num_rows=20_000, plants=[Plant(first, last, 0.5, {})])
    (found,) = search(table)

    assert (found.permanent, found.since_start) == (last == 120, first == 0)
    assert overlap(found, table, rows) > 0.98


@pytest.mark.parametrize("segments", [{}, HOME])
def test_a_rollout_is_gradual(segments):
    table, (rows,) = make_traffic(3, num_rows=30_000, plants=[Plant(30, 90, 1.0, segments, ramp=True)])
    found = search(table)[0]

    assert found.gradual
    assert found.segments == segments
    assert overlap(found, table, rows) > 0.8


def minutes(span):
    return [(at - START_US) / MINUTE for at in span]


@pytest.mark.parametrize("segments", [{}, HOME])
def test_a_fault_that_runs_out(segments):
    table, (rows,) = make_traffic(3, num_rows=30_000, plants=[Plant(30, 90, 0.9, segments, fade=30)])
    found = search(table)[0]

    assert overlap(found, table, rows) > 0.9
    assert (found.rising, found.segments) == (None, segments)
    assert minutes(found.fading)[0] == pytest.approx(60, abs=2)
    assert found.fading[1] == found.end_us


def test_a_rollback_in_steps():
    steps = [Plant(30, 60, 0.9, {}), Plant(60, 70, 0.6, {}), Plant(70, 80, 0.3, {})]
    table, parts = make_traffic(5, num_rows=30_000, plants=steps)
    found = search(table)[0]

    assert overlap(found, table, np.concatenate(parts)) > 0.95
    assert minutes(found.fading) == pytest.approx([60, 80], abs=1)
    assert not found.gradual


def test_a_fault_that_comes_and_goes_in_steps():
    shares = [0.25, 0.5, 0.9, 0.9, 0.9, 0.5, 0.25]
    steps = [Plant(10 * place, 10 + 10 * place, share, {}) for place, share in enumerate(shares)]
    table, parts = make_traffic(2, num_rows=30_000, plants=steps)
    found = search(table)[0]

    assert overlap(found, table, np.concatenate(parts)) > 0.95
    assert minutes(found.rising) == pytest.approx([0, 20], abs=1)
    assert minutes(found.fading) == pytest.approx([50, 70], abs=1)


@pytest.mark.parametrize("seed", range(8))
def test_a_fault_of_whole_requests_neither_rises_nor_fades(seed):
    table, _ = make_traffic(seed, num_rows=20_000, plants=[Plant(30, 60, 0.5, {}, by_group=True)])
    found = search(table)[0]

    assert (found.gradual, found.rising, found.fading) == (False, None, None)


def shifted(amount, first, last, num_rows=30_000):
    table, _ = make_traffic(4, num_rows=num_rows)
    minute = (table.time_us - START_US) / MINUTE
    inside = (minute >= first) & (minute < last)
    return replace(table, online=np.where(inside, table.online * (1 + amount), table.online)), np.flatnonzero(inside)


@pytest.mark.parametrize("amount", [4e-4, -1e-3])
def test_a_shift_within_the_tolerance(amount):
    table, rows = shifted(amount, 30, 40)
    (found,) = search(table)

    assert found.kind == "shift"
    assert overlap(found, table, rows) > 0.95
    assert np.sign(found.mean_delta) == -np.sign(amount)
    assert found.mismatch_rate < 0.05


def test_a_mismatch_is_not_reported_as_a_shift_too():
    table, _ = make_traffic(4, num_rows=30_000, plants=[Plant(30, 40, 1.0, {}, size=0.02)])

    assert [one.kind for one in search(table)] == ["mismatch"]


@pytest.mark.parametrize("mode", ["slices", "wave", "requests"])
def test_a_background_that_varies_is_no_incident(mode):
    table, _ = make_traffic(5, num_rows=20_000, drift=0.0)
    rng = np.random.default_rng(0)
    minute = (table.time_us - START_US) / MINUTE
    rate = {
        "slices": np.array([0.03, 0.05, 0.02])[table.segments["surface"][0]],
        "wave": 0.03 * (1 + 0.3 * np.sin(minute / 120 * 6.28)),
        "requests": np.where(rng.random(table.group.max() + 1)[table.group] < 0.03, 1.0, 0.0),
    }[mode]
    moved = rng.random(len(table)) < rate

    assert search(replace(table, online=np.where(moved, table.online * 1.05, table.online))) == []


def test_a_tolerance_below_the_noise_shows_as_permanent():
    table, _ = make_traffic(5, num_rows=20_000)
    (found,) = find_incidents(table, Tolerance())

    assert found.permanent
    assert found.mismatch_rate > 0.8


def test_scores_that_are_not_finite_are_mismatches_where_they_count():
    table, _ = make_traffic(5, num_rows=20_000)
    replayed = table.replayed.copy()
    replayed[8000:8300] = np.nan
    assert search(replace(table, replayed=replayed)) == []
    (found,) = search(replace(table, replayed=replayed, compared=np.ones(len(table), dtype=bool)))

    assert (found.start_us, found.end_us) == (table.time_us[8000], table.time_us[8299] + 1)


@pytest.mark.parametrize("num_rows", [0, 1, 2, 30])
@pytest.mark.parametrize("replayed", [0.5, 0.9, np.nan])
def test_tiny_tables(num_rows, replayed):
    codes = np.zeros(num_rows, dtype=np.int32)
    table = RowTable(
        np.zeros(num_rows, dtype=np.int64), np.full(num_rows, 0.5), np.full(num_rows, replayed), {"s": (codes, ("a",))}
    )

    # Thirty rows may be three requests: too few to call an incident.
    assert search(table) == []


def test_wrong_arguments():
    table, _ = make_traffic(0, num_rows=1_000)
    with pytest.raises(ValueError, match="false_alarms=0"):
        find_incidents(table, Tolerance(), false_alarms=0)


def test_one_busy_user_is_no_incident():
    table, _ = make_traffic(2, num_rows=20_000, drift=0.01, half=False)
    rng = np.random.default_rng(0)
    entity = rng.integers(0, 1_000, len(table))
    # 200 rows of one user within 400, all of them off; then the same rows as those of many.
    inside = 8_000 + np.sort(rng.permutation(400)[:200])
    off = table.online.copy()
    off[inside] *= 1.2
    mine = entity.copy()
    mine[inside] = 5

    assert search(replace(table, online=off, entity=mine)) == []
    (found,) = search(replace(table, online=off, entity=entity))
    assert np.isin(inside, found.indices).mean() > 0.95


def test_bursts_all_over_the_time_are_no_incident_but_one_beyond_them_is():
    table, _ = make_traffic(2, num_rows=20_000, drift=0.01, half=False)
    minute = (table.time_us - START_US) / MINUTE
    bursts = np.isin(np.floor(minute * 6), np.arange(20, 700, 12))
    drawn = np.random.default_rng(0).random(len(table))
    off = np.where(bursts & (drawn < 0.5), table.online * 1.2, table.online)

    assert search(replace(table, online=off)) == []
    longer = (minute >= 50) & (minute < 60) & (drawn < 0.8)
    (found,) = search(replace(table, online=np.where(longer, table.online * 1.2, off)))
    assert overlap(found, table, np.flatnonzero(longer)) > 0.9
