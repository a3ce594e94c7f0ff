"""Distributions against scipy, and two halves of one table against each other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import spatial, stats

from replay.audit.columns.cells import cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.audit.columns.distributions import compare_distributions, divergence, g_statistic, stability_index
from replay.audit.false_discovery import discoveries


def test_g_is_scipys():
    counts = np.array([[40, 60, 30], [50, 45, 35]])
    expected = stats.chi2_contingency(counts, lambda_="log-likelihood", correction=False)

    statistic, degrees = g_statistic(counts)

    assert (statistic, degrees) == (pytest.approx(expected.statistic), expected.dof)


def test_rare_cells_are_one():
    counts = np.array([[100, 3, 2, 1, 0], [100, 1, 2, 3, 0]])
    together = stats.chi2_contingency([[100, 6], [100, 6]], lambda_="log-likelihood", correction=False)

    assert g_statistic(counts) == (pytest.approx(together.statistic, abs=1e-12), together.dof)


def test_nothing_to_compare():
    assert g_statistic(np.zeros((2, 3), dtype=np.int64)) == (0.0, 0)
    assert g_statistic(np.array([[5, 0], [7, 0]])) == (0.0, 0)
    assert np.isnan(compare_distributions(np.array([5, 0]), np.array([7, 0]), np.array([[7, 0]])).p_value)


def test_without_buckets_it_is_the_plain_test():
    suspect, reference = np.array([400, 600]), np.array([450, 550])
    expected = stats.chi2_contingency([suspect, reference], lambda_="log-likelihood", correction=False)

    found = compare_distributions(suspect, reference, reference[None])

    assert (found.p_value, found.dispersion) == (pytest.approx(expected.pvalue), 1.0)


def test_what_changes_every_day_is_no_news():
    days = np.array([[400, 600], [600, 400], [450, 550], [560, 440], [390, 610]])
    suspect, reference = np.array([580, 420]), days.sum(axis=0)
    between = stats.chi2_contingency(days, lambda_="log-likelihood", correction=False)
    once = stats.chi2_contingency([suspect, reference], lambda_="log-likelihood", correction=False)
    dispersion = between.statistic / between.dof

    found = compare_distributions(suspect, reference, days)

    assert once.pvalue < 1e-4
    assert found.dispersion == pytest.approx(dispersion)
    assert found.p_value == pytest.approx(stats.f.sf(once.statistic / dispersion, 1, between.dof))
    assert found.p_value > 0.05


def test_divergence_is_scipys_less_its_bias():
    suspect, reference = np.array([400, 300, 300]), np.array([1000, 1000, 0])
    distance = spatial.distance.jensenshannon(suspect / 1000, reference / 2000)

    assert divergence(suspect, reference) == pytest.approx(distance**2 - 2 / 8 * (1 / 1000 + 1 / 2000))
    assert divergence(reference, reference) == 0.0
    assert np.isnan(divergence(np.zeros(3), reference))


def test_the_stability_index_is_the_textbooks_less_its_bias():
    suspect, reference = np.array([400, 300, 300, 0]), np.array([1000, 600, 400, 0])
    one, other = (suspect[:3] + 0.5) / 1001.5, (reference[:3] + 0.5) / 2001.5
    expected = stats.entropy(one, other) + stats.entropy(other, one)

    assert stability_index(suspect, reference) == pytest.approx(expected - 2 * (1 / 1000 + 1 / 2000))
    assert stability_index(reference, reference) == 0.0
    assert np.isnan(stability_index(np.zeros(4), reference))
    assert np.isfinite(stability_index(np.array([10, 0]), np.array([0, 10])))


def test_the_bias_of_the_stability_index_is_what_chance_alone_makes():
    rng, shares = np.random.default_rng(0), np.full(20, 0.05)
    found = [stability_index(rng.multinomial(2000, shares), rng.multinomial(1000, shares)) for _ in range(200)]

    assert np.mean(found) < 0.25 * 19 * (1 / 2000 + 1 / 1000)


def test_the_bias_is_what_chance_alone_makes():
    rng, shares = np.random.default_rng(0), np.full(20, 0.05)
    found = [divergence(rng.multinomial(2000, shares), rng.multinomial(1000, shares)) for _ in range(200)]

    assert np.mean(found) < 0.25 * 19 / 8 * (1 / 2000 + 1 / 1000)


def _halves_alarm(seed: int) -> bool:
    """Whether any of 20 features of two halves of one table is significant, by day and by slice."""
    rng, rows = np.random.default_rng(seed), 3000
    columns = {f"n{number}": pa.array(rng.lognormal(size=rows)) for number in range(14)}
    columns |= {f"c{number}": pa.array(rng.choice(list("abcdefgh"), rows)) for number in range(6)}
    segments, days, half = (
        {"s": pa.array(rng.choice(["x", "y"], rows))},
        rng.integers(0, 6, rows),
        rng.random(rows) < 0.5,
    )
    cells = {name: cells_of(column) for name, column in columns.items()}
    sides = []
    for chosen in (half, ~half):
        places, side = pa.array(np.flatnonzero(chosen)), ColumnCounts(cells)
        side.update(
            {name: column.take(places) for name, column in columns.items()},
            {name: column.take(places) for name, column in segments.items()},
            days[chosen],
        )
        sides.append(side)
    here, there = sides
    numbers = dict(there.slices.kept())
    p_values = [
        compare_distributions(here.by_slice[name][place], there.by_slice[name][numbers[label]], there.buckets_of(name))
        for name in cells
        for label, place in here.slices.kept()
    ]
    return bool(discoveries(np.array([found.p_value for found in p_values])).any())


def test_two_halves_of_one_table_hardly_ever_alarm():
    assert sum(_halves_alarm(seed) for seed in range(100)) <= 5
